"""What bench_interpreter asks of PyTorch. A request is a line: "batchnorm ROWS COLUMNS THREADS SECONDS" or "step BATCH
HIDDEN THREADS SECONDS"; the answer one line of JSON, nanoseconds a call (medians) from the primitives that tapegrad has
too and as PyTorch's users write it, and a number by which to see that both sides computed the same."""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

EPS, RATE, MOMENTUM, PIXELS, CLASSES, BATCHES = 1e-5, 0.01, 0.1, 64, 10, 4


def numbers(seed, *shape, dtype=torch.float32):
    """The same in arrays.h: from -0.5 to 0.5."""
    h = (torch.arange(torch.Size(shape).numel(), dtype=torch.int64) + seed * 2654435761) % 2**32
    h = (h ^ h >> 16) * 0x7feb352d % 2**32
    h = (h ^ h >> 15) % 2**16 * 0x846ca68b + ((h ^ h >> 15) >> 16) * 0x846ca68b % 2**16 * 2**16
    h = h % 2**32
    return ((h ^ h >> 16).to(torch.float64) / 2**32 - 0.5).to(dtype).reshape(shape)


def normalize(x, gamma, beta):
    share = 1 / x.shape[0]
    mu = x.sum(0) * share
    xmu = x - mu
    var = torch.square(xmu).sum(0) * share
    ivar = torch.reciprocal(torch.sqrt(var + EPS))
    xhat = xmu * ivar
    return gamma * xhat + beta, mu, var


def softmax_loss(scores, label):
    shifted = scores - scores.max(1, keepdim=True).values.detach()
    lognorm = torch.log(torch.exp(shifted).sum(1))
    logp = shifted.gather(1, label.unsqueeze(1)).squeeze(1) - lognorm
    return (-logp).sum() * (1 / scores.shape[0])


def batchnorm(rows, columns, fused):
    x, gamma, beta = (numbers(1, rows, columns).requires_grad_(), numbers(2, columns).requires_grad_(),
                      numbers(3, columns).requires_grad_())
    dout = numbers(4, rows, columns)

    def call():
        if fused:
            out = F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
        else:
            out = normalize(x, gamma, beta)[0]
        return torch.autograd.grad(out, (x, gamma, beta), dout)

    return call, lambda: call()[0].abs().sum(dtype=torch.float64).item()


def step(batch, hidden, fused):
    x, label = numbers(1, BATCHES * batch, PIXELS), torch.arange(BATCHES * batch) % CLASSES
    params = [numbers(2, PIXELS, hidden), numbers(3, hidden), numbers(4, hidden) + 1, numbers(5, hidden),
              numbers(6, hidden, CLASSES), numbers(7, CLASSES)]
    w1, b1, gamma, beta, w2, b2 = [p.requires_grad_() for p in params]
    mean, var, at = torch.zeros(hidden), torch.ones(hidden), [0]

    def scores(xs):
        if fused:
            h = F.batch_norm(torch.addmm(b1, xs, w1), mean, var, gamma, beta, True, MOMENTUM, EPS)
            return torch.addmm(b2, torch.relu(h), w2)
        h, mu, batch_var = normalize(xs @ w1 + b1, gamma, beta)
        with torch.no_grad():
            mean.copy_((1 - MOMENTUM) * mean + MOMENTUM * mu)
            var.copy_((1 - MOMENTUM) * var + MOMENTUM * batch_var)
        return torch.relu(h) @ w2 + b2

    def call():
        first = at[0] % BATCHES * batch
        at[0] += 1
        xs, labels = x[first:first + batch], label[first:first + batch]
        loss = F.cross_entropy(scores(xs), labels) if fused else softmax_loss(scores(xs), labels)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p.sub_(g, alpha=RATE) if fused else p.copy_(p - RATE * g)
        return loss

    return call, lambda: [call().item() for _ in range(8)][-1]


def median(call, seconds):
    """Of runs of about half a millisecond, as long as `seconds` last."""
    call()
    start = time.perf_counter()
    call()
    calls = int(5e-4 / (time.perf_counter() - start)) + 1
    end, samples = time.perf_counter() + seconds, []
    while len(samples) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        samples.append((time.perf_counter() - start) / calls)
    return statistics.median(samples) * 1e9


def main():
    print(json.dumps({"torch": torch.__version__}), flush=True)
    known = {}
    for line in sys.stdin:
        what, a, b, threads, seconds = line.split()
        torch.set_num_threads(int(threads))
        case = (what, int(a), int(b))
        if known.get("case") != case:
            make = {"batchnorm": batchnorm, "step": step}[what]
            known = {"case": case, "pair": [make(int(a), int(b), fused) for fused in (False, True)]}
            known["check"] = known["pair"][0][1]()
        times = [median(call, float(seconds)) for call, _ in known["pair"]]
        print('{"primitives_ns": %.0f, "fused_ns": %.0f, "check": %.9g}' % (*times, known["check"]), flush=True)


if __name__ == "__main__":
    main()
