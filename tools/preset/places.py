"""Where settings of a foreign configuration live in this project, if they are no keys of `train`."""

USERS_OWN = {"backend", "output_name", "num_processes", "save_state_every_n_steps"}
"""Keys of `train` that an imported configuration does not change: of the machine, and of the checkpoints' names."""

DEPENDENTS = {
    "optimizer_type": {"learning_rate", "unet_lr", "text_encoder_lr", "optimizer_args", "max_grad_norm"},
    "lr_scheduler": {"lr_scheduler_num_cycles", "lr_scheduler_args", "lr_warmup_steps"},
    "lr_scheduler_type": {"lr_scheduler", "lr_scheduler_num_cycles", "lr_scheduler_args", "lr_warmup_steps"},
    "network_module": {
        "network_dim", "network_alpha", "network_args", "network_dropout", "conv_dim", "conv_alpha", "rank_dropout",
        "module_dropout",
    },
}  # fmt: skip
"""A key to those that depend on its value: 1.0 is a rate for Prodigy, and far too high for AdamW."""

ARGUMENTS = {"dropout": "network_dropout", "use_cp": "use_tucker"}
"""Other names that arguments of a network have (lycoris/kohya.py, `create_network`)."""

SAMPLERS = {
    "ddim": "ddim",
    "euler": "euler",
    "k_euler": "euler",
    "euler_a": "euler_a",
    "k_euler_a": "euler_a",
    "dpmsolver++": "dpm++_2m",
}
"""sample_sampler to sample.scheduler, where both have the same one (library/train_util.py, `get_my_scheduler`)."""

SAME_HERE = {
    "caption_extension": (".txt",),
    "save_model_as": ("safetensors",),
    "network_module": ("networks.lora",),
}
"""Flags whose value is what happens here anyway."""

_BASE = "paths.base decides it, a list, folder or file below the project: docs/bases.md says more"
_SAMPLES = "the stage sample draws sample.prompts with every checkpoint"
_STATE = "an interrupted run goes on from state/ without it"
_LOG = "logs/ and DVC keep what is logged"
_WORKERS = "the order of pictures does not hang on it here"

ELSEWHERE = {
    "output_name": "train.output_name is your own",
    "backend": "train.backend is your own",
    "save_state_every_n_steps": "train.save_state_every_n_steps is your own",
    "num_processes": "train.num_processes is your machine's; each process adds to a step's pictures",
    "pretrained_model_name_or_path": _BASE,
    "sdxl": _BASE,
    "v2": _BASE,
    "tokenizer": _BASE,
    "train_data_dir": "paths.data and paths.captions hold the sprites",
    "image_dir": "paths.data and paths.captions hold the sprites",
    "in_json": "paths.data and paths.captions hold the sprites",
    "dataset_config": "paths.data and paths.captions hold the sprites; import that file too for its settings",
    "class_tokens": "captions and validate.trigger name what is learned",
    "reg_data_dir": "paths.regularisation holds the regularisation pictures",
    "is_reg": "paths.regularisation holds the regularisation pictures",
    "caption_extension": "captions are .txt here",
    "output_dir": "checkpoints lie in outputs/checkpoints",
    "save_model_as": "checkpoints are .safetensors",
    "logging_dir": _LOG,
    "log_with": _LOG,
    "log_config": _LOG,
    "log_prefix": _LOG,
    "log_tracker_name": _LOG,
    "log_tracker_config": _LOG,
    "wandb_run_name": _LOG,
    "sample_prompts": _SAMPLES,
    "sample_every_n_epochs": "logs.sample_every_n_epochs is your own",
    "sample_every_n_steps": _SAMPLES,
    "sample_at_first": "logs.sample_at_first is your own",
    "sample_sampler": "sample.scheduler is the sampler; this file draws no samples with it",
    "save_state": _STATE,
    "save_state_on_train_end": _STATE,
    "save_last_n_epochs": "select needs every checkpoint",
    "save_last_n_steps": "select needs every checkpoint",
    "save_last_n_epochs_state": _STATE,
    "save_last_n_steps_state": _STATE,
    "resume": _STATE,
    "max_data_loader_n_workers": _WORKERS,
    "persistent_data_loader_workers": _WORKERS,
    "cache_latents_to_disk": "pictures are encoded at each start: no stale cache",
    "multi_gpu": "train.num_processes is your machine's",
    "gpu_ids": "CUDA_VISIBLE_DEVICES chooses the GPU",
    "num_machines": "one machine trains",
    "main_process_port": "accelerate's own",
    "extra_accelerate_launch_args": "accelerate's own",
    "dataset_repeats": "package.num_repeats is the number of repeats",
    "config_file": "each file is imported by itself",
    "output_config": "each file is imported by itself",
}
"""Flag to what does its work here, or why nothing does. sd-scripts never gets one of these from a foreign file."""

OF_SD_SCRIPTS = {
    "no_half_vae": "the native trainer's autoencoder is always float32",
    "mem_eff_attn": "train.xformers and train.sdpa are the kinds of attention",
}
"""Why a flag has no place where it has no key and sd-scripts is not the backend."""
