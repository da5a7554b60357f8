"""What the benchmarks of programs ask of PyTorch. A request is a line, "WAY PROGRAM SHAPE DTYPE THREADS", as in
"script joint 64x256 f32 1"; the answer one line of JSON: nanoseconds a call, and a number by which to see that both
sides computed the same. WAY: primitives (those that tapegrad has too), fused (as PyTorch's users write it), script (the
primitives, compiled by torch.jit.script)."""
import json
import sys
import time
from typing import List

import torch
import torch.nn.functional as F

from interpreter_torch import CLASSES, EPS, MOMENTUM, PIXELS, numbers, softmax_loss, step

DTYPES = {"f32": torch.float32, "f64": torch.float64}


def normal(x, gamma, beta, axes: List[int], eps: float):
    mu = x.mean(axes, keepdim=True)
    xmu = x - mu
    var = torch.square(xmu).mean(axes, keepdim=True)
    ivar = torch.reciprocal(torch.sqrt(var + eps))
    return gamma * (xmu * ivar) + beta


def chain_loss(x, gamma, beta, residual, target, eps: float):
    return torch.square(torch.relu(normal(x, gamma, beta, [0], eps)) + residual - target).mean()


def loss_of(scores, label):
    shifted = scores - scores.max(1, keepdim=True)[0].detach()
    lognorm = torch.log(torch.exp(shifted).sum(1))
    return (lognorm - shifted.gather(1, label.unsqueeze(1)).squeeze(1)).mean()


scripted = {f: torch.jit.script(f) for f in (normal, chain_loss, loss_of)}


def choose(way, function):
    return scripted[function] if way == "script" else function


def leaves(dtype, *shapes):
    return [numbers(i + 1, *shape, dtype=dtype).requires_grad_() for i, shape in enumerate(shapes)]


def size(a):
    return a.detach().abs().sum(dtype=torch.float64).item()


def batchnorm(way, program, shape, dtype):
    column = shape[1:2]
    x, dout, gamma, beta = leaves(dtype, shape, shape, column, column)
    axes, wide = ([0], column) if len(shape) == 2 else ([0, 2, 3], column + [1, 1])

    def forward():
        if way == "fused":
            return F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
        return choose(way, normal)(x, gamma.reshape(wide), beta.reshape(wide), axes, EPS)

    def alone():
        with torch.no_grad():
            return forward()

    def joint():
        return torch.autograd.grad(forward(), (x, gamma, beta), dout)[0]

    if program == "forward":
        return alone
    if program == "joint":
        return joint
    out = forward()
    return lambda: torch.autograd.grad(out, (x, gamma, beta), dout, retain_graph=True)[0]


def chain(way, _, shape, dtype):
    x, gamma, beta, residual, target = leaves(dtype, shape, shape[1:], shape[1:], shape, shape)

    def call():
        if way == "fused":
            out = F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
            loss = F.mse_loss(torch.relu(out) + residual, target)
        else:
            loss = choose(way, chain_loss)(x, gamma, beta, residual, target, EPS)
        return torch.autograd.grad(loss, (x, gamma, beta, residual))[0]

    return call


def softmax(way, _, shape, dtype):
    (scores,), label = leaves(dtype, shape), torch.arange(shape[0]) * 7 % shape[1]

    def call():
        loss = F.cross_entropy(scores, label) if way == "fused" else choose(way, loss_of)(scores, label)
        return torch.autograd.grad(loss, scores)[0]

    return call


def layernorm(way, _, shape, dtype):
    x, dout, gamma, beta = leaves(dtype, shape, shape, shape[1:], shape[1:])

    def call():
        if way == "fused":
            out = F.layer_norm(x, shape[1:], gamma, beta, EPS)
        else:
            out = choose(way, normal)(x, gamma, beta, [1], EPS)
        return torch.autograd.grad(out, (x, gamma, beta), dout)[0]

    return call


def digits(way, _, shape, dtype):
    if way == "script" or dtype != torch.float32:
        return None
    call, _ = step(*shape, way == "fused")
    return call


def convnet(way, _, shape, dtype):
    """As PyTorch's users write it, that is all there is."""
    if way != "fused":
        return None
    batch, batches, at = shape[0], 4, [0]
    shapes = ([12, 1, 3, 3], [12], [12], [24, 12, 3, 3], [24], [24], [96, CLASSES], [CLASSES])
    params = [numbers(i + 2, *s, dtype=dtype) + (i in (1, 4)) for i, s in enumerate(shapes)]
    w1, g1, b1, w2, g2, b2, w, b = [p.requires_grad_() for p in params]
    x = numbers(1, batches * batch, 1, 8, 8, dtype=dtype)
    label = torch.arange(batches * batch) % CLASSES
    states = [(torch.zeros(n, dtype=dtype), torch.ones(n, dtype=dtype)) for n in (12, 24)]
    adam = torch.optim.Adam(params, lr=0.01)

    def block(x, w, gamma, beta, state):
        x = F.batch_norm(F.conv2d(x, w, padding=1), *state, gamma, beta, True, MOMENTUM, EPS)
        return F.max_pool2d(torch.relu(x), 2)

    def call():
        rows = slice(at[0] % batches * batch, (at[0] % batches + 1) * batch)
        at[0] += 1
        h = block(block(x[rows], w1, g1, b1, states[0]), w2, g2, b2, states[1])
        loss = F.cross_entropy(torch.addmm(b, h.flatten(1), w), label[rows])
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss

    return call


MAKERS = {"forward": batchnorm, "backward": batchnorm, "joint": batchnorm, "chain": chain, "softmax": softmax,
          "layernorm": layernorm, "digits": digits, "convnet": convnet}


def seconds_of(call, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


class Case:
    """Checked after so many calls that a script is compiled, and as many steps as on the other side. A turn is about
    two milliseconds, after a call that warms up unless that takes long itself."""

    def __init__(self, way, program, shape, dtype):
        self.call = MAKERS[program](way, program, [int(n) for n in shape.split("x")], DTYPES[dtype])
        if self.call:
            calls = 8 if program in ("digits", "convnet") else 4 if way == "script" else 1
            self.check = [size(self.call()) for _ in range(calls)][-1]
            self.seconds = seconds_of(self.call, 1)
            self.calls = max(1, int(2e-3 / self.seconds))

    def turn(self):
        if self.seconds < 0.02:
            self.call()
        return {"ns": seconds_of(self.call, self.calls) * 1e9, "check": self.check}


def main():
    print("PyTorch", torch.__version__, flush=True)
    key, cases = None, {}
    for line in sys.stdin:
        way, *case, threads = line.split()
        torch.set_num_threads(int(threads))
        if key != case:
            key, cases = case, {}
        if way not in cases:
            cases[way] = Case(way, *case)
        answer = cases[way].turn() if cases[way].call else {"ns": 0, "check": 0}
        print('{"ns": %.1f, "check": %.9g}' % (answer["ns"], answer["check"]), flush=True)


main()
