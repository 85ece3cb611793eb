"""What changed: DVC names the stages that a change concerns, and shows params and captions in one table."""

import pytest


def concerned(project) -> set[str]:
    """Stages that `dvc status` names."""
    printed = project.run("dvc", "status").stdout
    return {
        line.removesuffix(":") for line in printed.splitlines() if line and not line[0].isspace() and line.endswith(":")
    }


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"train__learning_rate": 0.5}, {"validate", "train"}),
        ({"train__network_dim": 8}, {"validate", "train"}),
        ({"sample__steps": 3}, {"validate", "sample"}),
        ({"package__num_repeats": 2}, {"validate", "package"}),
        ({"finish__enlarge": [4]}, {"validate", "finish"}),
        ({"report__title": "other"}, {"validate"}),
    ],
)
def test_status_names_the_stages_that_a_param_concerns(project, change, stages):
    """The report shows every param, so each of them concerns it."""
    project.edit(**change)
    assert concerned(project) == stages | {"report"}


def test_a_changed_param_and_a_changed_caption_show_in_one_table(project, first_rows):
    caption = sorted((project.root / "captions").iterdir())[0]
    caption.write_text(caption.read_text().replace("background", "background, gold crown"))
    assert concerned(project) == {"validate", "package"}
    project.edit(train__network_dim=8)
    project.run("dvc", "repro", "validate")
    table = project.run("dvc", "params", "diff", "--md").stdout
    assert "train.network_dim" in table
    assert caption.stem in table
    assert "gold crown" in table
    assert set(first_rows(table)) == {"params.yaml", "reports/captions.json"}


def test_dvc_exp_run_sets_a_param(project):
    """It writes all of params.yaml anew, in DVC's own spelling."""
    project.run("git", "config", "user.name", "t")
    project.run("git", "config", "user.email", "t@example.invalid")
    project.run("dvc", "exp", "run", "-S", "report.title=tried")
    assert "tried" in (project.root / "reports/report.html").read_text()
    assert "tried" in project.run("dvc", "exp", "show", "--csv").stdout


def test_a_removed_sprite_shows_too(project):
    gone = sorted((project.root / "captions").iterdir())[0]
    gone.unlink()
    (project.root / "data" / f"{gone.stem}.png").unlink()
    project.run("dvc", "repro", "validate")
    row = next(line for line in project.run("dvc", "params", "diff", "--md").stdout.splitlines() if gone.stem in line)
    assert row.split("|")[-2].strip() == "-"
