"""TransformNet of src/models/nets/transform.ts in PyTorch, for `livebrush bench` to be held against.

Answers one line of JSON on standard output for each on standard input:
  {"do": "hello", "threads": 2}                        -> {"version", "devices"}
  {"do": "open", "key", "device", "width", "height",
   "weights": safetensors, "picture": planar bytes,
   "together": false}                                  -> {"way"}: the fastest of several ways to run it
  {"do": "paint", "key"}                               -> {"ms"}: of one picture, bytes in, bytes out
  {"do": "picture", "key", "to": path}                 -> {}: what it paints, planar bytes
  {"do": "product", "device", "side"}                  -> {"ms"}: one product of float32 matrices
  {"do": "close", "key"}                               -> {}
What goes wrong is answered as {"error"}.
"""

import json
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.nn import functional as F

EPSILON = 1e-5
# Ways whose first picture takes longer than this are not tried again and again, in seconds.
PATIENCE = 2.0


def read_safetensors(path):
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    weights = {}
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        numbers = torch.frombuffer(bytearray(raw[start:end]), dtype=torch.float32)
        weights[name] = numbers.reshape(entry["shape"])
    return weights


class TransformNet(torch.nn.Module):
    """Johnson et al. 2016 (arXiv 1603.08155) with instance norm, reflection padding and nearest upsampling."""

    def __init__(self, weights):
        super().__init__()
        self.names = {name: f"p{i}" for i, name in enumerate(weights)}
        for name, tensor in weights.items():
            self.register_buffer(self.names[name], tensor)
        self.residuals = sum(name.startswith("res") and name.endswith("a.weight") for name in weights)

    def param(self, name):
        return getattr(self, self.names[name])

    def conv(self, x, name, stride=1, bias=None):
        weight = self.param(f"{name}.weight")
        pad = weight.shape[2] // 2
        return F.conv2d(F.pad(x, (pad, pad, pad, pad), mode="reflect"), weight, bias, stride)

    def layer(self, x, name, stride=1, upsample=False, activate=True):
        if upsample:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.conv(x, name, stride)
        scale, shift = self.param(f"{name}.scale"), self.param(f"{name}.shift")
        x = F.instance_norm(x, weight=scale, bias=shift, eps=EPSILON)
        return torch.relu(x) if activate else x

    def forward(self, picture):
        x = picture.to(torch.float32) / 255
        x = self.layer(x, "first")
        x = self.layer(x, "down1", stride=2)
        x = self.layer(x, "down2", stride=2)
        for i in range(self.residuals):
            x = x + self.layer(self.layer(x, f"res{i}a"), f"res{i}b", activate=False)
        x = self.layer(x, "up1", upsample=True)
        x = self.layer(x, "up2", upsample=True)
        x = torch.sigmoid(self.conv(x, "last", bias=self.param("last.bias")))
        return (x * 255).round().clamp(0, 255).to(torch.uint8)


class SideBySide:
    """Pictures in threads of Python, one for each core: they wait for each other once a round, not at every layer."""

    EACH = 2

    def __init__(self, net, threads):
        self.net, self.threads = net, threads
        self.pool = ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1))

    def paint(self, picture):
        with torch.inference_mode():
            for _ in range(self.EACH):
                painted = self.net(picture)
            return painted

    def __call__(self, picture):
        return list(self.pool.map(self.paint, [picture] * self.threads))[0]


def timed(work, device):
    start = time.perf_counter()
    result = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1000, result


class Painter:
    def __init__(self, device, width, height, weights, picture, together):
        self.device, self.together = device, together
        with open(picture, "rb") as file:
            raw = bytearray(file.read())
        self.picture = torch.frombuffer(raw, dtype=torch.uint8).reshape(1, 3, height, width)
        self.net, self.way, self.last, self.pictures = None, None, False, 1
        best = float("inf")
        for way, net, last, pictures in self.ways(read_safetensors(weights)):
            try:
                ms = self.trial(net, last) / pictures
            except RuntimeError as error:
                print(f"{way}: {error}", file=sys.stderr)
                continue
            if ms < best:
                best, self.net, self.way, self.last, self.pictures = ms, net, way, last, pictures
        if self.net is None:
            raise RuntimeError("no way to run the net works")

    def ways(self, weights):
        """Name, net, whether channels come last, and pictures in a run, of each way that is worth trying."""
        for last in (False, True):
            net = TransformNet(weights).eval().to(self.device)
            if last:
                net = net.to(memory_format=torch.channels_last)
            name = "channels last" if last else "channels first"
            yield from self.runs(name, net, last)
            if self.device == "cpu":
                traced = torch.jit.freeze(torch.jit.trace(net, self.input(last)))
                yield from self.runs(f"{name}, traced", torch.jit.optimize_for_inference(traced), last)

    def runs(self, name, net, last):
        if not self.together:
            yield name, net, last, 1
            return
        threads = torch.get_num_threads()
        yield name, SideBySide(net, threads), last, threads * SideBySide.EACH

    def input(self, last):
        picture = self.picture.to(self.device)
        return picture.contiguous(memory_format=torch.channels_last) if last else picture

    def run(self, net, last):
        return net(self.input(last)).cpu().contiguous()

    def trial(self, net, last):
        first, _ = timed(lambda: self.run(net, last), self.device)
        if first > PATIENCE * 1000:
            return first
        return min(timed(lambda: self.run(net, last), self.device)[0] for _ in range(3))

    def paint(self):
        ms, painted = timed(lambda: self.run(self.net, self.last), self.device)
        return ms / self.pictures, painted


painters = {}
matrices = {}


def hello(threads):
    torch.set_num_threads(threads)
    return {
        "version": torch.__version__.split("+")[0],
        "devices": ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"],
    }


def open_painter(key, **about):
    painters[key] = Painter(**about)
    return {"way": painters[key].way}


def paint(key):
    return {"ms": painters[key].paint()[0]}


def picture(key, to):
    with open(to, "wb") as file:
        file.write(bytes(painters[key].paint()[1].flatten().numpy().tobytes()))
    return {}


def product(device, side):
    if (device, side) not in matrices:
        matrices[device, side] = [torch.rand(side, side, device=device) for _ in range(2)]
    a, b = matrices[device, side]
    return {"ms": timed(lambda: a @ b, device)[0]}


def close(key):
    del painters[key]
    return {}


DO = {"hello": hello, "open": open_painter, "paint": paint, "picture": picture, "product": product, "close": close}


def main():
    with torch.inference_mode():
        for line in sys.stdin:
            question = json.loads(line)
            try:
                answer = DO[question.pop("do")](**question)
            except Exception as error:  # whatever it is, whoever asked has to know
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


main()
