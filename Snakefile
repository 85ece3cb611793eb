# The fan-out inside the stage `sample`, and nothing else: every edge between stages is in dvc.yaml.
from snakemake.logging import logger
from snakemake.utils import min_version

from sprite_lora.bases.registry import chosen_code
from sprite_lora.core.code import code_hash
from stages.sample.failures import JobErrors, report_failures
from stages.sample.kept import forget
from stages.sample.shards import planned

min_version("9.19")


configfile: "params.yaml"


# Used only with `--sdm apptainer`: an image that holds the project's environment.
container: "sprite-lora.sif"


SHARDS = planned(config)

logger.addHandler(JobErrors())


# What a job said that failed on another machine, and once more at the end what one said that failed here.
onerror:
    report_failures(SHARDS)


onsuccess:
    forget(SHARDS[0].paths.state)


rule sample_epoch:
    input:
        [shard.pictures for shard in SHARDS],


for shard in SHARDS:

    rule:
        name:
            f"sample_shard_{shard.number}"
        output:
            shard.pictures,
        log:
            shard.log,
        resources:
            gpu=config.get("gpus", 1),
        params:
            shard=shard.number,
            epochs=shard.epochs_named,
            settings=shard.settings,
            contents=shard.contents,
            code=code_hash("sample", chosen_code(shard.paths.base)),
        shell:
            "python -m stages.sample --epochs {params.epochs:q} --shard {params.shard:q} --keep {params.code:q}"
            " 2>&1 | tee {log:q}"
