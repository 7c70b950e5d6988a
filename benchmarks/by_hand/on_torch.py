"""The fastest PyTorch training loops for six small autoencoders, written by hand for a CPU.

Every backward pass is written out, so that neither autograd nor a module costs anything per step.
Gradients are those of the SUM over the batch, and Adam's epsilon is multiplied by the batch's size:
`m / (sqrt(v) + eps)` is the same for the mean. A shorter last batch is rescaled on its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

LATENT, HIDDEN, CODES, SIDE = 16, 64, 128, 28
DECAY, DEAD, COMMITMENT = 0.99, 0.1, 0.25
# A 3x3 window on an image padded by one: number, rows and columns of each tap.
TAPS = [(k, *(slice(2 - s, SIDE + 2 - s) for s in divmod(k, 3))) for k in range(9)]
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
_linear = torch.ops.mkldnn._linear_pointwise
_relu_grad = torch.ops.aten.threshold_backward
_conv_grad = torch.ops.aten.convolution_backward
_lstm, _lstm_grad = torch.ops.aten.mkldnn_rnn_layer, torch.ops.aten.mkldnn_rnn_layer_backward


def glorot(weight: Tensor, fan_in: int, fan_out: int) -> None:
    """Fill a weight with Glorot-uniform numbers in place."""
    weight.uniform_(-1.0, 1.0).mul_(math.sqrt(6.0 / (fan_in + fan_out)))


@torch.jit.script
def _adam(lists: list[list[Tensor]], count: Tensor, batch: int, rows: int) -> None:
    """Update the parameters lists[0] by the gradients lists[1] and the moments lists[2:]."""
    none: list[Tensor] = []
    scale: Tensor | None = None
    if rows != batch:
        scale = torch.full((), rows / batch)
    torch._fused_adam_(
        lists[0], lists[1], lists[2], lists[3], none, [count] * len(lists[0]), lr=1e-3, beta1=0.9,
        beta2=0.999, weight_decay=0.0, eps=1e-7 * batch, amsgrad=False, maximize=False,
        grad_scale=scale)  # fmt: skip


class Loop:
    """One row's training loop.

    Attributes:
        logs: Last epoch's mean loss per example, then the means of its terms if they are logged.
        flat: Parameters, gradients and Adam's moments, one vector each; `p`, `g`, `m`, `v`: views.
    """

    threads = 2
    _build: Callable[[], None]  # lays out the parameters and draws them
    _epoch: Callable[[Tensor], Tensor]  # trains in an order; returns sums of the loss and its terms

    def __init__(self, x: np.ndarray, batch_size: int) -> None:
        """Put the data on the device and draw the weights.

        Args:
            x: Data, examples first.
            batch_size: Examples per step.
        """
        self.x = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
        self.rows, self.columns, self.batch_size, self.count = *x.shape[:2], batch_size, 0
        self.logs: list[float] = []
        torch.empty(31 << 18)  # freed at once: malloc then keeps blocks of up to 31 MiB for reuse
        self._build()

    def _lay_out(self, *shapes: tuple[int, ...]) -> None:
        """Make the vectors of `flat` and their views, each on a 64-byte boundary."""
        sizes = [-(-math.prod(shape) // 16) * 16 for shape in shapes]
        self.flat = [[torch.zeros(sum(sizes))] for _ in range(4)]
        self.p, self.g, self.m, self.v = (
            [part[: math.prod(s)].view(s) for part, s in zip(f.split(sizes), shapes, strict=True)]
            for (f,) in self.flat
        )

    def epoch(self) -> float:
        """Train one epoch in a new random order and return the mean loss per example."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            sums = self._epoch(torch.randperm(self.rows))
        finally:
            torch.set_num_threads(threads)
        self.logs = [float(value) / self.rows for value in sums]
        return self.logs[0]


@torch.jit.script
def _dense_steps(
    data: Tensor, picks: Tensor, p: list[Tensor], g: list[Tensor], flat: list[list[Tensor]],
    relu: list[bool], rows: int, batch: int, count: int,
) -> Tensor:  # fmt: skip
    """Take a step per `rows` of the picks; return the sum of the squared residuals."""
    n, last, each, columns = len(picks) // rows, len(p) - 1, rows >= 128, p[-1].size(1)
    inputs, flipped, hidden, back, turned = [data], [data], [data], [data], [data]
    for w in p[1:]:
        ones = torch.ones(rows, w.size(0))
        inputs.append(ones)
        flipped.append(ones.t())
        hidden.append(ones[:, :-1])
        back.append(torch.empty(rows, w.size(0) - 1))
        turned.append(w[:-1].t())
    if each:  # large rows are gathered a step at a time, when the cache has room for them
        x, left = torch.empty(rows, data.size(1)), torch.empty(rows, columns)
        xs, ys, lefts = [x] * n, [x[:, :columns]] * n, [left] * n
    else:
        x, left = data.index_select(0, picks), torch.empty(n * rows, columns)
        xs, ys, lefts = x.split(rows), x[:, :columns].split(rows), left.split(rows)
    line, parts, total = left.view(-1), picks.split(rows), torch.zeros(())
    counts = torch.arange(count + 1, count + 1 + n, dtype=torch.float32).unbind()
    for i in range(n):
        x, e = xs[i], lefts[i]
        if each:
            torch.index_select(data, 0, parts[i], out=x)
        torch.mm(x, p[0], out=hidden[1])
        for k in range(1, last + 1):
            if relu[k]:
                torch.relu_(hidden[k])
            if k < last:
                torch.mm(inputs[k], p[k], out=hidden[k + 1])
        torch.addmm(ys[i], inputs[last], p[last], beta=-1.0, out=e)
        if each:
            total.add_(torch.dot(line, line))
        for k in range(last, 0, -1):
            torch.mm(flipped[k], e, out=g[k])
            torch.mm(e, turned[k], out=back[k])
            e = back[k]
            if relu[k]:
                torch.ops.aten.threshold_backward(e, hidden[k], 0.0, grad_input=e)
        torch.mm(x.t(), e, out=g[0])
        _adam(flat, counts[i], batch, rows)
    return total if each else torch.dot(line, line)


class Table(Loop):
    """21-64-32-64-21; a kernel's last row is its bias: its inputs have a column of ones."""

    threads, sizes, relu = 1, (64, 32, 64), [False, True, False, True]

    def _build(self) -> None:
        widths = (self.columns, *self.sizes, self.columns)
        shapes = [(i + 1, o) for i, o in itertools.pairwise(widths)]
        self._lay_out(*shapes)
        for weight, (i, o) in zip(self.p, shapes, strict=True):
            glorot(weight[:-1], i - 1, o)
        self.x = torch.cat([self.x, torch.ones(self.rows, 1)], 1)

    def _epoch(self, order: Tensor) -> Tensor:
        total = torch.full((1,), self.rows * self.columns * HALF_LOG_2_PI)
        size, state = self.batch_size, (self.p, self.g, self.flat, self.relu)
        whole = self.rows // size * size
        with torch.inference_mode():
            for picks, rows in ((order[:whole], size), (order[whole:], self.rows - whole)):
                if len(picks):
                    total += 0.5 * _dense_steps(self.x, picks, *state, rows, size, self.count)
                    self.count += len(picks) // rows
        return total


class Linear(Table):
    """784-64-784: both layers linear, both threads in each product."""

    threads, sizes, relu = 2, (64,), [False, False]


class Chunked(Loop):
    """A loop whose batch is worked on in chunks, half of them on either of two threads.

    A chunk's tensors stay in the cache; the threads meet once a step, not once an operation.
    """

    threads, chunk = 1, 64
    _chunk: Callable[[Tensor], list[Tensor]]  # sums over examples: gradients, logs, statistics

    def _after(self, statistics: list[Tensor]) -> None:
        """Use the batch's statistics after a step."""

    def _work(self, chunks: tuple[Tensor, ...]) -> list[Tensor]:
        total = self._chunk(chunks[0])
        for pick in chunks[1:]:
            torch._foreach_add_(total, self._chunk(pick))
        return total

    def _epoch(self, order: Tensor) -> Tensor:
        n, logs = len(self.p), []
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for batch in order.split(self.batch_size):
                chunks = batch.split(self.chunk)
                middle = (len(chunks) + 1) // 2
                rest = pool.submit(self._work, chunks[middle:]) if chunks[middle:] else None
                sums = self._work(chunks[:middle])
                if rest is not None:
                    torch._foreach_add_(sums, rest.result())
                self.count += 1
                lists, count = [self.p, sums[:n], self.m, self.v], torch.tensor(float(self.count))
                _adam(lists, count, self.batch_size, len(batch))
                self._after(sums[n + 1 :])
                logs.append(sums[n])
        return torch.stack(logs).sum(0)


def _sample(heads: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """From the heads: z, the sum of KL(q || N(0, I)), and z's gradient to the heads' gradient."""
    mean, raw = heads[:, :LATENT], heads[:, LATENT:]
    log_var = raw.clamp(-20.0, 20.0)
    deviation = torch.exp(0.5 * log_var)
    shift = deviation * torch.randn(len(heads), LATENT)
    excess = deviation.square().sub_(1.0)
    kl = (excess - log_var).sum().add_(torch.sum(mean * mean)).mul_(0.5)

    def back(grad: Tensor) -> Tensor:
        spread = torch.addcmul(excess, grad, shift).mul_(0.5).mul_(raw == log_var)
        return torch.cat([grad + mean, spread], 1)

    return mean + shift, kl, back


def _bernoulli(logits: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the Bernoulli negative log-likelihood, and its gradient by the logits."""
    loss = torch.nn.functional.softplus(logits).sum() - torch.dot(logits.view(-1), x.view(-1))
    return loss, torch.sigmoid(logits).sub_(x)


class MlpVae(Chunked):
    """784-512-16-512-784: whole batches; oneDNN's products are faster here than MKL's `mm`."""

    threads, chunk = 2, 1 << 20

    def _build(self) -> None:
        d, h, k = self.columns, 512, LATENT
        self._lay_out((h, d), (2 * k, h), (h, k), (d, h), (h,), (2 * k,), (h,), (d,))
        for i, weight in enumerate(self.p[:4]):
            glorot(weight, weight.shape[1], k if i == 1 else weight.shape[0])

    def _chunk(self, pick: Tensor) -> list[Tensor]:
        w1, wh, w2, w3, b1, bh, b2, b3 = self.p
        x = self.x.index_select(0, pick)
        h1 = _linear(x, w1, b1, "relu", [], "")
        z, kl, back = _sample(torch.addmm(bh, h1, wh.t()))
        h2 = torch.addmm(b2, z, w2.t()).relu_()
        loss, e3 = _bernoulli(_linear(h2, w3, b3, "none", [], ""), x)
        g3 = _linear(e3.t(), h2.t(), None, "none", [], "")
        e2 = _linear(e3, w3.t(), None, "none", [], "")
        _relu_grad(e2, h2, 0.0, grad_input=e2)
        eh = back(torch.mm(e2, w2))
        e1 = torch.mm(eh, wh)
        _relu_grad(e1, h1, 0.0, grad_input=e1)
        g1 = _linear(e1.t(), x.t(), None, "none", [], "")
        biases = (e.sum(0) for e in (e1, eh, e2, e3))
        logs = torch.stack([loss + kl, loss, kl])
        return [g1, torch.mm(eh.t(), h1), torch.mm(e2.t(), z), g3, *biases, logs]


def _conv(x: Tensor, w: Tensor, b: Tensor, up: bool = False) -> Tensor:
    """A 3x3 stride-2 convolution (transposed if `up`), then relu."""
    return torch.convolution(x, w, b, (2, 2), (1, 1), (1, 1), up, (int(up),) * 2, 1).relu_()


def _conv_back(e: Tensor, y: Tensor, x: Tensor, w: Tensor, up: bool = False) -> list[Tensor]:
    """Gradients of `y = _conv(x, w, b, up)` by x (not by images), w and b; overwrites `e`."""
    _relu_grad(e, y, 0.0, grad_input=e)
    sizes = ((2, 2), (1, 1), (1, 1), up, (int(up),) * 2, 1, (len(x[0]) > 1, True, False))
    dx, dw, _ = _conv_grad(e, x, w, None, *sizes)
    return [dx, dw, _last(e).flatten(1, 2).sum(1).sum(0)]


def _last(x: Tensor) -> Tensor:
    """NCHW to NHWC, which is how it lies in memory."""
    return x.permute(0, 2, 3, 1)


class Images(Chunked):
    """What the convolutional rows share: channels last, on half a batch per thread.

    The images are mirrored once (both axes): a symmetric padding of one then is TensorFlow's SAME,
    which for stride 2 pads the other end only. The last convolution, whose single channel the
    convolutions are slow at, is nine products of the channels, shifted and added.
    """

    dense: tuple[tuple[int, int], ...]  # (outputs, inputs)
    start = 64

    def _build(self) -> None:
        self.x = self.x.view(-1, 1, SIDE, SIDE).flip(2, 3).contiguous()
        pairs = ((32, 1), (64, 32), (self.start, 64), (64, 32))
        biases = [(n,) for n in (32, 64, 64, 32, 1, *(o for o, _ in self.dense))]
        self._lay_out(*((o, 3, 3, i) for o, i in pairs), (9, 32), *self.dense, *biases)
        for views in (self.p, self.m, self.v):
            views[:4] = [view.permute(0, 3, 1, 2) for view in views[:4]]
        n = 5 + len(self.dense)
        self.w, self.b = self.p[:n], self.p[n:]
        fans = [*((9 * o, 9 * i) for o, i in (*pairs, (1, 32))), *self.dense]
        for weight, (o, i) in zip(self.w, fans, strict=True):
            glorot(weight, i, o)

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h1 = _conv(x, self.w[0], self.b[0])
        return h1, _conv(h1, self.w[1], self.b[1])

    def _encode_back(self, e2: Tensor, h2: Tensor, h1: Tensor, x: Tensor) -> list[Tensor]:
        """Gradients of the encoder: two kernels, two biases."""
        e1, w2, b2 = _conv_back(e2, h2, h1, self.w[1])
        _, w1, b1 = _conv_back(e1, h1, x, self.w[0])
        return [w1, w2, b1, b2]

    def _decode(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h3 = _conv(z, self.w[2], self.b[2], up=True)
        h4 = _conv(h3, self.w[3], self.b[3], up=True)
        taps = torch.mm(self.w[4], _last(h4).reshape(-1, 32).t()).view(9, -1, SIDE, SIDE)
        padded = torch.zeros(len(z), SIDE + 2, SIDE + 2)
        for k, i, j in TAPS:
            padded[:, i, j].add_(taps[k])
        return h3, h4, (padded[:, 1:-1, 1:-1] + self.b[4]).unsqueeze(1)

    def _decode_back(self, e5: Tensor, h4: Tensor, h3: Tensor, z: Tensor) -> list[Tensor]:
        """Gradients: of z, then of the decoder's three kernels and three biases."""
        n = len(z)
        padded, taps = torch.nn.functional.pad(e5[:, 0], (1, 1, 1, 1)), torch.empty(9, n, SIDE**2)
        for k, i, j in TAPS:
            taps[k].view(n, SIDE, SIDE).copy_(padded[:, i, j])
        w5 = torch.bmm(taps.transpose(0, 1), _last(h4).reshape(n, -1, 32)).sum(0)
        e4 = torch.mm(taps.view(9, -1).t(), self.w[4]).view(n, SIDE, SIDE, 32).permute(0, 3, 1, 2)
        e3, w4, b4 = _conv_back(e4, h4, h3, self.w[3], up=True)
        dz, w3, b3 = _conv_back(e3, h3, z, self.w[2], up=True)
        return [dz, w3, w4, w5, b3, b4, e5.sum().view(1)]


class ConvVae(Images):
    """Two convolutions, 16 latents, a dense layer, two transposed convolutions, a convolution."""

    dense = ((LATENT, 3136), (LATENT, 3136), (3136, LATENT))

    def _chunk(self, pick: Tensor) -> list[Tensor]:
        n, wd, (bm, bv, bd) = len(pick), self.w[7], self.b[5:]
        x, wh = self.x.index_select(0, pick), torch.cat(self.w[5:7])
        h1, h2 = self._encode(x)
        flat = _last(h2).reshape(n, -1)
        z, kl, back = _sample(torch.addmm(torch.cat([bm, bv]), flat, wh.t()))
        hd = torch.addmm(bd, z, wd.t()).relu_()
        places = hd.view(n, 7, 7, 64).permute(0, 3, 1, 2)
        h3, h4, logits = self._decode(places)
        loss, e5 = _bernoulli(logits, x)
        ed, *decoder = self._decode_back(e5, h4, h3, places)
        ed = _last(ed).reshape(n, -1)
        _relu_grad(ed, hd, 0.0, grad_input=ed)
        eh = back(torch.mm(ed, wd))
        e2 = torch.mm(eh, wh).view(n, 7, 7, 64).permute(0, 3, 1, 2)
        encoder = self._encode_back(e2, h2, h1, x)
        dense = [*torch.mm(eh.t(), flat).split(LATENT), torch.mm(ed.t(), z)]
        biases = [*encoder[2:], *decoder[3:], *eh.sum(0).split(LATENT), ed.sum(0)]
        return [*encoder[:2], *decoder[:3], *dense, *biases, torch.stack([loss + kl, loss, kl])]


class VqVae(Images):
    """Convolutions around a codebook of moving means."""

    dense, start = ((LATENT, 64),), LATENT

    def _build(self) -> None:
        super()._build()
        self.counts, self.sums = torch.ones(CODES), torch.randn(CODES, LATENT)
        self.codes, self.vectors = self.sums / self.counts[:, None], []

    def _chunk(self, pick: Tensor) -> list[Tensor]:
        x, n, codes = self.x.index_select(0, pick), len(pick), self.codes
        h1, h2 = self._encode(x)
        flat = _last(h2).reshape(-1, 64)
        ze = torch.addmm(self.b[5], flat, self.w[5].t())
        nearest = torch.addmm(codes.square().sum(1), ze, codes.t(), alpha=-2.0).argmin(1)
        zq = codes.index_select(0, nearest)
        places = zq.view(n, 7, 7, LATENT).permute(0, 3, 1, 2)
        h3, h4, y = self._decode(places)
        e5, gap = y - x, ze - zq
        loss = 0.5 * torch.dot(e5.view(-1), e5.view(-1)) + x.numel() * HALF_LOG_2_PI
        commitment = COMMITMENT * torch.dot(gap.view(-1), gap.view(-1))
        dz, *decoder = self._decode_back(e5, h4, h3, places)
        ez = _last(dz).reshape(-1, LATENT).add(gap, alpha=2 * COMMITMENT)
        e2 = torch.mm(ez, self.w[5]).view(n, 7, 7, 64).permute(0, 3, 1, 2)
        encoder = self._encode_back(e2, h2, h1, x)
        kernels = [*encoder[:2], *decoder[:3], torch.mm(ez.t(), flat)]
        logs = torch.stack([loss + commitment, loss, commitment])
        self.vectors.append(ze)
        counts = torch.bincount(nearest, minlength=CODES)
        sums = torch.zeros(CODES, LATENT).index_add_(0, nearest, ze)
        return [*kernels, *encoder[2:], *decoder[3:], ez.sum(0), logs, counts, sums]

    def _after(self, statistics: list[Tensor]) -> None:
        """Move the codes towards the batch's vectors and put dead codes on some of them."""
        self.counts.mul_(DECAY).add_(statistics[0], alpha=1 - DECAY)
        self.sums.mul_(DECAY).add_(statistics[1], alpha=1 - DECAY)
        mean, vectors = self.counts.mean(), torch.cat(self.vectors)
        dead = self.counts < DEAD * mean
        fresh = vectors.index_select(0, torch.randint(len(vectors), (CODES,))) * mean
        self.sums = torch.where(dead[:, None], fresh, self.sums)
        self.counts = torch.where(dead, mean, self.counts)
        self.codes, self.vectors = self.sums / self.counts[:, None], []


class Lstm(Chunked):
    """LSTM 64, dense 16, LSTM 64, dense 1: oneDNN's layers, on chunks that stay in the cache."""

    chunk = 16

    def _build(self) -> None:
        n = 4 * HIDDEN  # gates in PyTorch's order: input, forget, cell, output
        layers = [(n, 1), (n, HIDDEN), (n,), (LATENT, HIDDEN), (LATENT,), (n, LATENT), (n, HIDDEN)]
        self._lay_out(*layers, (n,), (1, HIDDEN), (1,))
        for weight in self.p:
            if weight.dim() == 2:
                glorot(weight, weight.shape[1], weight.shape[0])
        self.p[2][HIDDEN : 2 * HIDDEN] = self.p[7][HIDDEN : 2 * HIDDEN] = 1.0
        self.zeros = torch.zeros(self.columns, self.chunk, HIDDEN)

    def _layer(self, x: Tensor, *w: Tensor) -> tuple[Tensor, Callable[..., list[Tensor]]]:
        """Run an LSTM; return its outputs and the function from gradients to gradients."""
        zero = torch.zeros(x.shape[1], HIDDEN)
        inputs = (x, *w, torch.zeros(4 * HIDDEN), zero, zero)
        y, h, c, space = _lstm(*inputs, False, [], 2, HIDDEN, 1, True, False, False, True)

        def back(grad: Tensor, last: Tensor) -> list[Tensor]:
            sizes = (False, 2, HIDDEN, 1, True, True, False, [], False)
            return _lstm_grad(*inputs, y, h, c, grad, last, zero, *sizes, space)[:4]

        return y, back

    def _chunk(self, pick: Tensor) -> list[Tensor]:
        w3, b4, w8, b9 = *self.p[3:5], *self.p[8:]
        x, zeros = self.x.index_select(0, pick).transpose(0, 1).contiguous(), self.zeros
        y1, back1 = self._layer(x, *self.p[:3])
        code = torch.addmm(b4, y1[-1], w3.t())
        y2, back2 = self._layer(code.expand(self.columns, -1, -1).contiguous(), *self.p[5:8])
        flat = y2.view(-1, HIDDEN)
        e = torch.addmv(b9, flat, w8[0]).sub_(x.view(-1))
        loss = 0.5 * torch.dot(e, e) + x.numel() * HALF_LOG_2_PI
        ec, *g2 = back2(torch.outer(e, w8[0]).view_as(y2), torch.zeros(len(pick), HIDDEN))
        ec = ec.sum(0)
        _, *g1 = back1(zeros[:, : len(pick)].contiguous(), torch.mm(ec, w3))
        g8 = torch.mv(flat.t(), e).view(1, -1)
        return [*g1, torch.mm(ec.t(), y1[-1]), ec.sum(0), *g2, g8, e.sum().view(1), loss.view(1)]


ROWS: dict[str, Callable[[np.ndarray, int], Loop]] = {
    "table": Table, "linear": Linear, "mlp_vae": MlpVae, "conv_vae": ConvVae, "vq_vae": VqVae,
    "lstm": Lstm}  # fmt: skip
