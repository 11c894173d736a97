"""What runtime-spec 1.3 added: netDevices, memoryPolicy, intelRdt, vm."""

import os

import pytest

from host import host

pytestmark = pytest.mark.peer_lacks("runtime-spec 1.3")


@pytest.fixture
def veth(runtime):
    """A pair of interfaces in the host's network namespace."""
    number = os.getpid() % 100000
    names = (f"hcsa{number}", f"hcsb{number}")
    host("ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1])
    yield names
    os.system(f"ip link del {names[1]} 2>/dev/null; ip link del {names[0]} 2>/dev/null")


def interfaces() -> set:
    return set(os.listdir("/sys/class/net"))


@pytest.mark.host_view("interfaces of the host")
class TestNetDevices:
    def test_moved_under_its_name(self, runtime, bundle, veth):
        b = bundle().sh(f"ls /sys/class/net; ip link show {veth[0]} >/dev/null && echo there; sleep 1000")
        b.linux["netDevices"] = {veth[0]: {}}
        c = runtime.start(b)
        c.until_output("there")
        assert veth[0] not in host("ip", "-o", "link")

    def test_moved_and_renamed(self, runtime, bundle, veth):
        b = bundle().sh("ls /sys/class/net")
        b.linux["netDevices"] = {veth[0]: {"name": "eth7"}}
        assert set(runtime.run(b).out.split()) == {"lo", "eth7"}

    def test_addresses_go_along_and_it_is_up(self, runtime, bundle, veth):
        """The spec: permanent global addresses are kept, and the interface is set up."""
        host("ip", "addr", "add", "10.99.7.1/24", "dev", veth[0])
        host("ip", "link", "set", veth[0], "up", "mtu", "1400")
        b = bundle().sh("ip addr show eth7")
        b.linux["netDevices"] = {veth[0]: {"name": "eth7"}}
        out = runtime.run(b).out
        assert "10.99.7.1/24" in out and "mtu 1400" in out and "UP" in out

    @pytest.mark.parametrize("devices,where", [
        ({"nosuchdev0": {}}, "nosuchdev0"), ({"lo": "x"}, "linux.netDevices"),
        ({"a/b": {}}, "linux.netDevices"), ({"averyverylongname0": {}}, "linux.netDevices")])
    def test_refused(self, runtime, bundle, devices, where):
        b = bundle()
        b.linux["netDevices"] = devices
        runtime.run_fails(b, says=where)
        runtime.leftovers.assert_none()

    def test_bad_new_names(self, runtime, bundle, veth):
        for name in ("a/b", "..", "x" * 16, "a b", "a:b"):
            b = bundle()
            b.linux["netDevices"] = {veth[0]: {"name": name}}
            runtime.run_fails(b, says="linux.netDevices")
        assert veth[0] in host("ip", "-o", "link")
        runtime.leftovers.assert_none()

    def test_name_taken_inside(self, runtime, bundle, veth):
        b = bundle()
        b.linux["netDevices"] = {veth[0]: {"name": "lo"}}
        runtime.run_fails(b, says="lo")
        runtime.leftovers.assert_none()

    def test_need_a_network_namespace(self, runtime, bundle, veth):
        b = bundle().without_namespace("network")
        b.linux["netDevices"] = {veth[0]: {"name": "eth7"}}
        runtime.run_fails(b, says="linux.netDevices")
        assert veth[0] in host("ip", "-o", "link")
        runtime.leftovers.assert_none()


def has_numa(runtime) -> bool:
    """The utility VM's kernel is built without: a VM is one node."""
    return runtime.isolation == "process" and os.path.exists("/proc/self/numa_maps")


class TestMemoryPolicy:
    @pytest.mark.parametrize("mode,text", [("MPOL_BIND", "bind"), ("MPOL_INTERLEAVE", "interleave"),
                                           ("MPOL_PREFERRED", "prefer")])
    def test_mode(self, runtime, bundle, mode, text):
        b = bundle().sh("head -1 /proc/self/numa_maps")
        b.linux["memoryPolicy"] = {"mode": mode, "nodes": "0"}
        if has_numa(runtime):
            assert text in runtime.run(b).out
        else:
            runtime.run_fails(b, says="linux.memoryPolicy")

    @pytest.mark.once("refused before anything is made")
    @pytest.mark.parametrize("policy", [
        {"mode": "MPOL_NOSUCH", "nodes": "0"}, {"mode": "MPOL_BIND", "nodes": "x"},
        {"mode": "MPOL_BIND", "nodes": "9999"}, {"mode": "MPOL_DEFAULT", "nodes": "0"},
        {"nodes": "0"}, {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_X"]}])
    def test_refused(self, runtime, bundle, policy):
        b = bundle()
        b.linux["memoryPolicy"] = policy
        runtime.run_fails(b, says="linux.memoryPolicy")
        runtime.leftovers.assert_none()


@pytest.mark.parametrize("value", [
    {"closID": "x"}, {"l3CacheSchema": "L3:0=ff"}, {"enableMonitoring": True},
    {"schemata": ["L3:0=ff"]}])
def test_intel_rdt_without_resctrl(runtime, bundle, value):
    with open("/proc/filesystems", encoding="ascii") as table:
        if "resctrl" in table.read():
            pytest.skip("this machine has resctrl")
    b = bundle()
    b.linux["intelRdt"] = value
    runtime.run_fails(b, says="linux.intelRdt")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("clos", ["../x", "a/b", ".", "..", "", "x\n"])
def test_intel_rdt_closid_is_a_name(runtime, bundle, clos):
    b = bundle()
    b.linux["intelRdt"] = {"closID": clos}
    runtime.run_fails(b, says="linux.intelRdt")
    runtime.leftovers.assert_none()


@pytest.mark.once("chooses the isolation itself")
def test_vm_section_asks_for_a_vm(runtime, bundle):
    """It is never run on the host's kernel in silence: its own kernel is looked for, and asking for
    process isolation at the same time is refused."""
    b = bundle()
    b.spec["vm"] = {"kernel": {"path": "/no/such/vmlinuz", "parameters": ["quiet"]},
                    "hwConfig": {"vcpus": 2, "memory": 1 << 28}}
    runtime.create_fails(b, says="/no/such/vmlinuz")
    runtime.create_fails(b, "--isolation", "process", says="vm")
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("option,value", [("--kernel", "/boot/vmlinuz"), ("--host", "pod")])
def test_process_isolation_has_no_vm_options(runtime, bundle, option, value):
    """What only a utility VM has is refused by name, not left unheard."""
    b = bundle()
    b.write()
    result = runtime("create", "--isolation", "process", option, value, "-b", b.path, runtime.new_id(), check=False)
    runtime.assert_error(result, value)
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("vm,where", [
    ({"kernel": {"path": 5}}, "vm.kernel.path"), ({"kernel": {"path": "/k"}, "hwConfig": {"vcpus": "2"}}, "vm.hwConfig.vcpus"),
    ({"kernel": {"path": "/k"}, "hypervisor": []}, "vm.hypervisor"), ({"kernel": {}}, "vm.kernel.path")])
def test_vm_section_is_checked(runtime, bundle, vm, where):
    b = bundle()
    b.spec["vm"] = vm
    runtime.run_fails(b, says=where)
    runtime.leftovers.assert_none()


@pytest.mark.once("read by the parser")
@pytest.mark.parametrize("version", ["1.0.0", "1.0.2", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"])
def test_versions_understood(runtime, bundle, version):
    b = bundle().sh("echo ok")
    b.spec["ociVersion"] = version
    assert runtime.run(b).out == "ok\n"


@pytest.mark.host_view("criu dumps processes of the host's kernel")
def test_checkpoint_without_criu(runtime, bundle, work):
    c = runtime.start(bundle())
    if os.system("command -v criu >/dev/null") == 0:
        pytest.skip("criu is here")
    runtime.fails("checkpoint", "--image-path", work / "image", c.id, says="criu")
    assert c.status == "running"
    runtime.fails("restore", "--image-path", work / "image", "-b", c.bundle.path, runtime.new_id(),
                  says="criu")
