"""The commands of the Kubernetes and workflow files, run here: rehearse.py PROGRAM

A schema says that a file is well-formed, and not that its commands do what is wanted. So each pod's and
each matrix job's command is taken out of its file, given the variables that the cluster or the runner
would give it, and run; then the merge is. With runs in the place of the budget, which is the one thing
that is changed, the merged report must be, byte for byte, that of the campaign that was not dealt; without
one shard the merge must fail and name it.

What it is not: a cluster. Claims, images and restarts are not tried.
"""

import filecmp
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).parent
RUNS = 2100  # Nine blocks: one of eight shards has two, the others one.
WHAT = ["--journal", "v9-512", "twin-never-syncs", "--device", "hdd-512e", "consumer-nvme-no-plp"]


def expect(found, expected, what):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")


def run(command, expected=0, **options):
    ended = subprocess.run(command, capture_output=True, text=True, **options)
    if ended.returncode != expected:
        sys.exit(f"{command}: expected exit {expected}, found {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout + ended.stderr


def runs_for_budget(words):
    """The one thing that is changed: a campaign with an end that does not depend on the clock."""
    budget = [word for word in words if word.startswith("--budget")]
    expect(len(budget), 1, f"budgets in {words}")
    return [word for word in words if word not in budget] + [f"--runs={RUNS}", *WHAT]


def pod(manifest, out):
    """The container of a job: its command with its variables put in, and its folder in place of /out."""
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    words = container.get("command", ["tornwrite"]) + container["args"]
    words = [re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], word) for word in words]
    return [word.replace("/out/", f"{out}/") for word in words], env


def same_report(one, other, what):
    for name in ["report.json"]:
        if not filecmp.cmp(one / "latest" / name, other / "latest" / name, shallow=False):
            sys.exit(f"{what}: {other}/latest/{name} is not that of the campaign that was not dealt")


def kubernetes(base, path, whole_of):
    job, merge = (yaml.safe_load((HERE / f"kubernetes/{name}.yaml").read_text()) for name in ["job", "merge"])
    out = base / "kubernetes"
    words, env = pod(job, out)
    spec = job["spec"]
    shards = spec["completions"]
    expect(spec["completionMode"], "Indexed", "job.yaml")
    expect(env["JOB_COMPLETIONS"], str(shards), "job.yaml: JOB_COMPLETIONS")
    expect(spec["parallelism"], shards, "job.yaml: parallelism")
    expect(spec["maxFailedIndexes"], shards, "job.yaml: maxFailedIndexes")
    for index in range(shards):
        run(runs_for_budget(words), env={**env, **path, "JOB_COMPLETION_INDEX": str(index)})
    words, env = pod(merge, out)
    run(words, env={**env, **path})
    seed = env["SEED"]
    same_report(whole_of(seed), out / seed, "kubernetes")
    shutil.rmtree(out / seed / f"shard-2-of-{shards}")
    said = run(words, expected=65, env={**env, **path})
    expect(f"missing: shard 2/{shards}" in said, True, f"a lost shard is named: {said}")
    print(f"kubernetes: {shards} pods and a merge; the same bytes, and a lost shard is named")


def expressions(text, values):
    return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: values[found[1]], text)


def workflow(base, path, whole_of):
    jobs = yaml.safe_load((HERE / "github/nightly.yml").read_text())["jobs"]
    step = lambda job: next(step for step in jobs[job]["steps"] if step.get("name") == job)
    shards = jobs["torture"]["strategy"]["matrix"]["shard"]
    expect(jobs["torture"]["strategy"]["fail-fast"], False, "nightly.yml")
    expect(jobs["merge"]["if"], "${{ !cancelled() }}", "nightly.yml: merge")
    folder = base / "workflow"
    folder.mkdir()
    # Copied, since the steps make it executable, as what was downloaded has to be.
    shutil.copy(shutil.which("tornwrite", path=path["PATH"]), folder / "tornwrite")
    seed = "41"
    for index in range(len(shards)):
        values = {
            "github.run_number": seed,
            "inputs.budget || '5h'": "5h",
            "strategy.job-index": str(index),
            "strategy.job-total": str(len(shards)),
        }
        env = {name: expressions(value, values) for name, value in step("torture")["env"].items()}
        script = step("torture")["run"].replace('--budget "$BUDGET"', " ".join([f"--runs {RUNS}", *WHAT]))
        expect("BUDGET" in script, False, "nightly.yml: the budget was found")
        run(["bash", "-e", "-c", script], cwd=folder, env={**env, **path})
    env = {**path, "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    merge = ["bash", "-eo", "pipefail", "-c", step("merge")["run"]]
    run(merge, cwd=folder, env=env)
    same_report(whole_of(seed), folder / "out", "nightly.yml")
    shutil.rmtree(folder / f"out/shard-3-of-{len(shards)}")
    said = run(merge, expected=65, cwd=folder, env=env)
    expect(f"missing: shard 3/{len(shards)}" in said, True, f"a lost shard is named: {said}")
    expect("missing" in (folder / "summary").read_text(), True, "the summary names it, too")
    print(f"workflow: {len(shards)} jobs and a merge; the same bytes, and a lost shard is named")


def main():
    (program,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        base = pathlib.Path(name)
        (base / "bin").mkdir()
        (base / "bin/tornwrite").symlink_to(pathlib.Path(program).resolve())
        path = {"PATH": f"{base}/bin:/usr/bin:/bin"}

        def whole_of(seed):
            out = base / f"whole-{seed}"
            run(["tornwrite", "torture", "--seed", seed, "--runs", str(RUNS), *WHAT, "--out", out], env=path)
            return out

        kubernetes(base, path, whole_of)
        workflow(base, path, whole_of)


main()
