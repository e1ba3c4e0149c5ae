"""How calls behave in a program: threads, signals, timeouts, other processes."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import lq_infer
import numpy as np
import pytest


def long_work() -> np.ndarray:
    """Takes seconds on any machine."""
    return np.zeros((40_000, 32, 32, 3), np.uint8)


def test_other_threads_run_meanwhile(net):
    images, counted, done = long_work()[:4000], 0, threading.Event()

    def work():
        net.logits(images)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(0.001):
        counted += 1
    thread.join()
    assert counted > 10


def test_threads_share_a_net(net, pixels):
    expected, found = net.logits(pixels).tolist(), []
    threads = [threading.Thread(target=lambda: found.append(net.logits(pixels).tolist())) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == [expected] * 8


def test_timeouts(net, pixels):
    start = time.monotonic()
    with pytest.raises(lq_infer.DeadlineError):
        net.logits(long_work(), timeout=0.1)
    assert time.monotonic() - start < 5
    with pytest.raises(TimeoutError):
        net.classify(pixels[0], timeout=0)
    for wrong in [-1, float("nan"), float("-inf")]:
        with pytest.raises(lq_infer.UsageError, match="timeout is .*, expected a number of seconds from 0, or None"):
            net.logits(pixels, timeout=wrong)
    for long in [1e9, 1e300, float("inf"), None]:
        assert net.logits(pixels, timeout=long).shape == (20, 10)


def test_what_a_progress_function_raises_ends_the_preparation():
    class Stop(Exception):
        pass

    calls = []

    def stop(done, total):
        calls.append((done, total))
        raise Stop(f"after {done} of {total}")

    def prepare():
        for device in lq_infer.devices():
            if device.problem is None:
                calls.clear()
                with pytest.raises(Stop, match="after .* of"):
                    lq_infer.Engine(device.id).prepare(lq_infer.Model.bundled(), progress=stop)
                assert len(calls) == 1, device

    prepare()
    failed = []

    def on_another_thread():
        try:
            prepare()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=on_another_thread)
    thread.start()
    thread.join()
    assert not failed
    with pytest.raises(TypeError):
        lq_infer.Engine("cpu").prepare(lq_infer.Model.bundled(), progress=3)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent with os.kill")
def test_ctrl_c_cancels(net, pixels):
    images = long_work()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        net.logits(images)
    assert time.monotonic() - start < 5
    assert net.logits(pixels).shape == (20, 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_there_is_an_error(net, pixels):
    net.logits(pixels)
    queue = multiprocessing.get_context("fork").Queue()

    def child():
        try:
            net.logits(pixels)
        except lq_infer.UsageError as error:
            queue.put(str(error))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert "forked" in queue.get(timeout=30)
    process.join(30)
    assert process.exitcode == 0


def test_models_engines_and_nets_are_pickled(net, pixels):
    again = pickle.loads(pickle.dumps(net))
    assert (again.device, again.max_batch, again.model.name) == (net.device, 16, net.model.name)
    assert again.logits(pixels).tolist() == net.logits(pixels).tolist()
    engine = pickle.loads(pickle.dumps(lq_infer.Engine("cpu-portable", threads=1)))
    assert engine.device == "cpu-portable"


def test_spawned_workers(pixels):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(classify_in_worker, (lq_infer.Model.bundled(), pixels))
    net = lq_infer.Engine("cpu").prepare(lq_infer.Model.bundled(), max_batch=16)
    assert found == lq_infer.digest(net.logits(pixels))


def classify_in_worker(model, pixels):
    return lq_infer.digest(lq_infer.Engine("cpu", threads=1).prepare(model).logits(pixels))


def test_threads_of_the_environment():
    program = textwrap.dedent("""
        import lq_infer, numpy as np, os
        net = lq_infer.Engine("cpu").prepare(lq_infer.Model.bundled())
        net.logits(np.zeros((2, 32, 32, 3), np.uint8))
        print(len(os.listdir("/proc/self/task")))
    """)
    if not sys.platform.startswith("linux"):
        pytest.skip("threads are counted in /proc")

    def threads(**environment):
        clean = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
        clean["OPENBLAS_NUM_THREADS"] = "1"
        done = subprocess.run([sys.executable, "-c", program], env={**clean, **environment}, capture_output=True, check=True)
        return int(done.stdout)

    assert threads(OMP_NUM_THREADS="9") - threads(OMP_NUM_THREADS="2") == 7
