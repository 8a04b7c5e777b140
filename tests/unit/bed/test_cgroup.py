"""What of a machine's control groups a real node needs, in either version of them."""

from pathlib import Path

from tests.bed import cgroup


def version_1(root: Path, *controllers: str) -> None:
    for name in controllers:
        (root / name).mkdir(parents=True)
        (root / name / "cgroup.procs").touch()


def version_2(root: Path, controllers: str) -> None:
    (root / "cgroup.procs").touch()
    (root / "cgroup.controllers").write_text(f"{controllers}\n")


def test_one_hierarchy_a_controller_is_enough(tmp_path: Path) -> None:
    version_1(tmp_path, "cpu,cpuacct", "cpuset", "memory", "pids", "systemd")
    assert cgroup.lacking(tmp_path) == []


def test_one_hierarchy_with_all_controllers_is_enough(tmp_path: Path) -> None:
    version_2(tmp_path, "cpuset cpu io memory pids")
    assert cgroup.lacking(tmp_path) == []


def test_a_controller_that_is_not_there_is_named(tmp_path: Path) -> None:
    version_2(tmp_path, "cpuset cpu io memory")
    assert cgroup.lacking(tmp_path) == ["the cgroup controller pids"]


def test_a_machine_without_cgroups_lacks_them_all(tmp_path: Path) -> None:
    assert len(cgroup.lacking(tmp_path / "none")) == 4


def test_what_a_node_left_goes_from_the_leaves_up(tmp_path: Path) -> None:
    version_1(tmp_path, "cpu", "memory")
    bed = tmp_path / "beds" / "one"
    for controller in ("cpu", "memory"):
        (tmp_path / controller / cgroup.name(bed) / "kubepods" / "pod1").mkdir(parents=True)
    cgroup.remove(bed, tmp_path)
    assert sorted(tmp_path.glob("*/*")) == [tmp_path / "cpu" / "cgroup.procs", tmp_path / "memory" / "cgroup.procs"]


def test_two_beds_of_one_name_have_two_cgroups(tmp_path: Path) -> None:
    assert cgroup.name(tmp_path / "one" / "bed") != cgroup.name(tmp_path / "two" / "bed")
