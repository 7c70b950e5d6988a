"""The fastest hand-written TensorFlow training loops for six small autoencoders on a 2-core CPU.

Two engines. `XlaLoop` compiles a whole epoch into one XLA program, with all the weights in one flat
vector (so that Adam is a handful of fused loops): it wins where a step is many small operations.
`GraphLoop` runs an epoch as one graph whose products and convolutions go to oneDNN, with small XLA
clusters for the elementwise work: it wins where a step is a few large operations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
LOG_2PI, UNITS = math.log(2 * math.pi), 64  # units of each LSTM
Tensor = tf.Tensor
Tensors = Sequence[tf.Tensor]
Arrays = list[np.ndarray]
Grads = Callable[..., tuple[Tensors, Tensor]]
raw, relu, mm = tf.raw_ops, tf.nn.relu, tf.matmul


def bias_grad(dy: Tensor) -> Tensor:
    """Return the sum of dy over every axis but the last."""
    return raw.BiasAddGrad(out_backprop=dy)


def glorot(*shape: int) -> np.ndarray:
    """Return a Glorot-uniform kernel."""
    limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    return np.random.default_rng().uniform(-limit, limit, shape).astype(np.float32)


def layers(*sizes: int, window: tuple[int, ...] = ()) -> Arrays:
    """Return kernels and zero biases of a stack of dense layers, or of `window` convolutions."""
    steps = itertools.pairwise(sizes)
    return [w for s in steps for w in (glorot(*window, *s), np.zeros(s[1], np.float32))]


def affine(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Return x @ kernel + bias."""
    return tf.nn.bias_add(mm(x, kernel), bias)


def affine_grads(*pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Return kernel and bias gradients of affine layers from their (input, output gradient)."""
    return [g for a, d in pairs for g in (mm(a, d, transpose_a=True), bias_grad(d))]


def relu_grad(dy: Tensor, y: Tensor) -> Tensor:
    """Return the gradient through y = relu(.)."""
    return raw.ReluGrad(gradients=dy, features=y)


def adam_factors(step: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return (rate, epsilon, beta1^t, beta2^t) of Adam with the bias corrections folded in.

    m_hat / (sqrt(v_hat) + eps) equals c2/c1 * m / (sqrt(v) + eps * c2), c2 = sqrt(1 - beta2^t).
    """
    t = tf.cast(step, tf.float32)
    power1, power2 = tf.pow(BETA1, t), tf.pow(BETA2, t)
    scale = tf.sqrt(1 - power2)
    return RATE * scale / (1 - power1), EPSILON * scale, power1, power2


class Loop:
    """A training loop; `run` trains an epoch and returns the means of the loss and of its terms."""

    run: Callable[[], Tensor]
    terms: np.ndarray

    def epoch(self) -> float:
        """Train one epoch in a new random order and return the mean loss per example."""
        self.terms = self.run().numpy().reshape(-1)
        return float(self.terms[0])


class XlaLoop(Loop):
    """An epoch as one XLA program over a flat vector of weights."""

    def __init__(self, x: np.ndarray, size: int, weights: Arrays, grads: Grads) -> None:
        """Put data and state on the device; `grads` gives mean gradients and the summed loss."""
        self.x, self.rows, self.batch_size = tf.constant(x), len(x), size
        self.shapes, self.grads = [w.shape for w in weights], grads
        flat = np.concatenate([w.ravel() for w in weights])
        self.state = [tf.Variable(flat), *(tf.Variable(np.zeros_like(flat)) for _ in range(2))]
        self.steps = tf.Variable(0)
        self.block = tf.function(self._block, jit_compile=True)
        self.run = tf.function(self._epoch)

    def unpack(self, flat: Tensor) -> list[Tensor]:
        """Return the weights from the flat vector."""
        parts = tf.split(flat, [math.prod(s) for s in self.shapes])
        return [tf.reshape(p, s) for p, s in zip(parts, self.shapes, strict=True)]

    def _block(self, batches: Tensor) -> Tensor:
        count = batches.shape[0]

        def body(i: Tensor, total: Tensor, w: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, ...]:
            grads, loss = self.grads(self.unpack(w), batches[i])
            g = tf.concat([tf.reshape(a, [-1]) for a in grads], 0)
            rate, epsilon, _, _ = adam_factors(self.steps + i + 1)
            m = BETA1 * m + (1 - BETA1) * g
            v = BETA2 * v + (1 - BETA2) * g * g
            return i + 1, total + loss, w - rate * m / (tf.sqrt(v) + epsilon), m, v

        start = (tf.constant(0), tf.constant(0.0), *(s.read_value() for s in self.state))
        _, total, *state = tf.while_loop(lambda i, *_: i < count, body, start)
        for variable, value in zip(self.state, state, strict=True):
            variable.assign(value)
        self.steps.assign_add(count)
        return total

    def _epoch(self) -> Tensor:
        shuffled = tf.gather(self.x, tf.random.shuffle(tf.range(self.rows)))
        full = self.rows // self.batch_size * self.batch_size
        shape = (-1, self.batch_size, *self.x.shape[1:])
        total = self.block(tf.reshape(shuffled[:full], shape)) if full else tf.constant(0.0)
        if full < self.rows:
            with tf.control_dependencies([total]):
                total += self.block(shuffled[None, full:])
        return total / self.rows


class GraphLoop(Loop):
    """An epoch as one graph: oneDNN products and convolutions, fused in-place Adam."""

    def __init__(
        self, x: np.ndarray, size: int, weights: Arrays, grads: Grads, noise: int = 1
    ) -> None:
        """Put data and state on the device; `grads` gives mean gradients and the summed terms."""
        self.x, self.rows, self.batch_size = tf.constant(x), len(x), size
        self.weights = [tf.Variable(w) for w in weights]
        self.slots = [[tf.Variable(np.zeros_like(w)) for w in weights] for _ in range(2)]
        self.steps, self.grads, self.noise = tf.Variable(0), grads, noise
        self.run = tf.function(self._epoch)

    def _step(self, rows: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        weights = [tf.convert_to_tensor(w) for w in self.weights]
        grads, terms = self.grads(weights, tf.gather(self.x, rows), noise)
        _, epsilon, power1, power2 = adam_factors(step)
        for w, m, v, g in zip(self.weights, *self.slots, grads, strict=True):
            raw.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=power1,
                beta2_power=power2,
                lr=RATE,
                beta1=BETA1,
                beta2=BETA2,
                epsilon=epsilon,
                grad=g,
            )
        return terms

    def _epoch(self) -> Tensor:
        order = tf.random.shuffle(tf.range(self.rows))
        noise = tf.random.normal((self.rows, self.noise))
        size, count, first = self.batch_size, self.rows // self.batch_size, self.steps + 1
        total = tf.zeros(3)
        for i in tf.range(count):
            rows = tf.slice(order, [i * size], [size])
            total += self._step(rows, tf.slice(noise, [i * size, 0], [size, self.noise]), first + i)
        rest = self.rows % size
        if rest:
            tail = self.rows - rest
            total += self._step(order[tail:], noise[tail:], first + count)
        self.steps.assign_add(count + (rest > 0))
        return total / self.rows


def taped(loss: Callable[[Tensors, Tensor], Tensor]) -> Grads:
    """Return the function giving the gradients of the mean loss and its sum."""

    def grads(w: Tensors, x: Tensor, _: Tensor | None = None) -> tuple[Tensors, Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(w)
            total = loss(w, x)
            mean = total * (1 / x.shape[0])
        return tape.gradient(mean, w), total

    return grads


def table_loss(w: Tensors, x: Tensor) -> Tensor:
    """Return the summed loss of 21-64-32-64-21."""
    w1, b1, w2, b2, w3, b3, w4, b4 = w
    code = affine(relu(affine(x, w1, b1)), w2, b2)
    y = affine(relu(affine(code, w3, b3)), w4, b4)
    return 0.5 * tf.reduce_sum(tf.square(x - y)) + x.shape[0] * 0.5 * x.shape[1] * LOG_2PI


def linear_grads(w: Tensors, x: Tensor, _: Tensor) -> tuple[Tensors, Tensor]:
    """Return the gradients and the loss of 784-64-784; only small arrays are scaled by 1/rows."""
    w1, b1, w2, b2 = w
    rows, width = x.shape
    code = affine(x, w1, b1)
    r = affine(code, w2, b2) - x
    loss = tf.nn.l2_loss(r) + rows * 0.5 * width * LOG_2PI
    dc = mm(r, w2, transpose_b=True) * (1 / rows)
    dw2 = mm(code * (1 / rows), r, transpose_a=True)
    return [*affine_grads((x, dc)), dw2, bias_grad(r) * (1 / rows)], loss


@tf.function(jit_compile=True)
def posterior(stats: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
    """Return z, the KL sum and the slopes of KL/rows and z by stats, from the heads' output."""
    mean, raw_log_var = tf.split(stats, 2, -1)
    log_var = tf.clip_by_value(raw_log_var, -20.0, 20.0)
    scaled = tf.exp(0.5 * log_var) * noise
    var = tf.exp(log_var)
    kl = 0.5 * tf.reduce_sum(var + mean * mean - 1 - log_var)
    inside = tf.cast(tf.abs(raw_log_var) <= 20.0, tf.float32)
    rate = 1 / stats.shape[0]
    dkl = tf.concat([mean * rate, (0.5 * rate) * (var - 1) * inside], -1)
    return mean + scaled, kl, dkl, tf.concat([tf.ones_like(mean), 0.5 * scaled * inside], -1)


@tf.function(jit_compile=True)
def bernoulli(logits: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed negative log-likelihood and its gradient by the logits over rows."""
    softplus = tf.maximum(logits, 0.0) + tf.math.log1p(tf.exp(-tf.abs(logits)))
    return tf.reduce_sum(softplus - x * logits), (tf.sigmoid(logits) - x) * (1 / x.shape[0])


def mlp_grads(w: Tensors, x: Tensor, noise: Tensor) -> tuple[Tensors, Tensor]:
    """Return the gradients and the terms of the dense variational autoencoder."""
    w1, b1, w2, b2, w3, b3, w4, b4 = w  # w2: both heads side by side
    h = relu(affine(x, w1, b1))
    z, kl, dkl, dz = posterior(affine(h, w2, b2), noise)
    k = relu(affine(z, w3, b3))
    rec, d4 = bernoulli(affine(k, w4, b4), x)
    d3 = relu_grad(mm(d4, w4, transpose_b=True), k)
    d2 = dkl + dz * tf.tile(mm(d3, w3, transpose_b=True), [1, 2])
    d1 = relu_grad(mm(d2, w2, transpose_b=True), h)
    return affine_grads((x, d1), (h, d2), (z, d3), (k, d4)), tf.stack([rec + kl, rec, kl])


def conv(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Return relu of a stride-2 SAME convolution."""
    return relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 2, "SAME"), bias))


def up(x: Tensor, kernel: Tensor, bias: Tensor) -> list[Tensor]:
    """Return relu of a 3x3 stride-2 SAME transposed convolution as its four output phases.

    Output row 2i is x[i] k[0] + x[i-1] k[2] and row 2i+1 is x[i] k[1]; columns likewise: four
    dense stride-1 convolutions without a wasted product.
    """
    kernel = tf.transpose(kernel, [0, 1, 3, 2])
    taps, pads = (slice(None, None, -2), slice(1, 2)), ([1, 0], [0, 0])
    return [
        relu(
            tf.nn.bias_add(
                tf.nn.conv2d(x, kernel[taps[a], taps[b]], 1, [[0, 0], pads[a], pads[b], [0, 0]]),
                bias,
            )
        )
        for a in (0, 1)
        for b in (0, 1)
    ]


def up_grads(x: Tensor, kernel: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    """Return (dx, dkernel, dbias) of the transposed convolution, dy past its relu's gradient."""
    dk = raw.Conv2DBackpropFilter(
        input=dy, filter_sizes=kernel.shape, out_backprop=x, strides=[1, 2, 2, 1], padding="SAME"
    )
    return tf.nn.conv2d(dy, kernel, 2, "SAME"), dk, bias_grad(dy)


def weave(phases: Tensors) -> Tensor:
    """Return the image whose four phases are given."""
    n, h, w, c = phases[0].shape
    rows = [tf.reshape(tf.stack(phases[a : a + 2], 3), (n, h, 1, 2 * w, c)) for a in (0, 2)]
    return tf.reshape(tf.concat(rows, 2), (n, 2 * h, 2 * w, c))


@tf.function(jit_compile=True)
def weave_relu_grad(dys: Tensors, ys: Tensors) -> Tensor:
    """Return the woven gradient through the phases' relu."""
    dys = [tf.reshape(d, y.shape) for d, y in zip(dys, ys, strict=True)]
    return weave([tf.where(y > 0, d, 0.0) for d, y in zip(dys, ys, strict=True)])


def gaussian(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed negative log-likelihood and its gradient by the means over rows."""
    r = y - x
    return 0.5 * tf.reduce_sum(r * r) + 0.5 * LOG_2PI * math.prod(x.shape), r * (1 / x.shape[0])


def make_head(loss_of: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., tuple[Tensor, ...]]:
    """Return the XLA part of the last convolution: taps to loss, and its gradient's patches."""

    @tf.function(jit_compile=True)
    def head(taps: Tensors, bias: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        n, h, w, _ = x.shape
        wide = tf.pad(
            weave([tf.reshape(t, (n, h // 2, w // 2, 9)) for t in taps]),
            [[0, 0], [1, 1], [1, 1], [0, 0]],
        )
        y = bias[0] + sum(
            wide[:, a : a + h, b : b + w, 3 * a + b] for a in range(3) for b in range(3)
        )
        loss, dy = loss_of(y, x[..., 0])
        wide = tf.pad(dy, [[0, 0], [1, 1], [1, 1]])
        patches = [
            tf.reshape(
                tf.stack(
                    [
                        wide[:, 2 - a + p : 2 - a + p + h : 2, 2 - b + q : 2 - b + q + w : 2]
                        for a in range(3)
                        for b in range(3)
                    ],
                    -1,
                ),
                (-1, 9),
            )
            for p in (0, 1)
            for q in (0, 1)
        ]
        return loss, tf.reduce_sum(dy)[None], *patches

    return head


bernoulli_head, gaussian_head = make_head(bernoulli), make_head(gaussian)


def decoder_grads(
    head: Callable[..., tuple[Tensor, ...]], w: Tensors, h: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the loss sum, the slope by the input h (n, 7, 7, c) and those by the weights."""
    w1, b1, w2, b2, w3, b3 = w
    k = tf.function(weave, jit_compile=True)(up(h, w1, b1))
    phases = up(k, w2, b2)
    flat = [tf.reshape(p, (-1, p.shape[-1])) for p in phases]
    matrix = tf.transpose(tf.reshape(w3, (9, -1)))  # the last convolution's (channels, taps)
    loss, db3, *patches = head([mm(f, matrix) for f in flat], b3, x)
    dw3 = tf.add_n([mm(p, f, transpose_a=True) for p, f in zip(patches, flat, strict=True)])
    d2 = weave_relu_grad([mm(p, matrix, transpose_b=True) for p in patches], phases)
    dk, dw2, db2 = up_grads(k, w2, d2)
    dh, dw1, db1 = up_grads(h, w1, relu_grad(dk, k))
    return loss, dh, [dw1, db1, dw2, db2, tf.reshape(dw3, w3.shape), db3]


def coder_init(channels: int) -> tuple[Arrays, Arrays]:
    """Return the encoder's and the decoder's weights; a transposed kernel is (3, 3, out, in)."""
    one, two = glorot(3, 3, 64, channels), glorot(3, 3, 32, 64)
    ups = [one, np.zeros(64, np.float32), two, np.zeros(32, np.float32)]
    return layers(1, 32, 64, window=(3, 3)), [*ups, *layers(32, 1, window=(3, 3))]


def conv_vae_grads(w: Tensors, x: Tensor, noise: Tensor) -> tuple[Tensors, Tensor]:
    """Return the gradients and the terms of the convolutional variational autoencoder."""
    n = x.shape[0]
    k1, c1, k2, c2, w2, b2, w3, b3 = w[:8]
    e1 = conv(x, k1, c1)
    e2 = conv(e1, k2, c2)
    h = tf.reshape(e2, (n, -1))
    z, kl, dkl, dz = posterior(affine(h, w2, b2), noise)
    k = relu(affine(z, w3, b3))
    rec, dk, decoder = decoder_grads(bernoulli_head, w[8:], tf.reshape(k, (n, 7, 7, 64)), x)
    d3 = relu_grad(tf.reshape(dk, (n, -1)), k)
    d2 = dkl + dz * tf.tile(mm(d3, w3, transpose_b=True), [1, 2])
    d1 = tf.reshape(mm(d2, w2, transpose_b=True), e2.shape)
    grads = encoder_grads(x, e1, k1, k2, relu_grad(d1, e2))
    return grads + affine_grads((h, d2), (z, d3)) + decoder, tf.stack([rec + kl, rec, kl])


def encoder_grads(x: Tensor, e1: Tensor, k1: Tensor, k2: Tensor, d2: Tensor) -> list[Tensor]:
    """Return the gradients of the two convolutions, d2 past the second relu's gradient."""
    how = {"strides": [1, 2, 2, 1], "padding": "SAME"}
    dk2 = raw.Conv2DBackpropFilter(input=e1, filter_sizes=k2.shape, out_backprop=d2, **how)
    d1 = relu_grad(
        raw.Conv2DBackpropInput(input_sizes=e1.shape, filter=k2, out_backprop=d2, **how), e1
    )
    dk1 = raw.Conv2DBackpropFilter(input=x, filter_sizes=k1.shape, out_backprop=d1, **how)
    return [dk1, bias_grad(d1), dk2, bias_grad(d2)]


@tf.function(jit_compile=True)
def quantize(z: Tensor, sums: Tensor, counts: Tensor, picks: Tensor) -> tuple[Tensor, ...]:
    """Return the nearest codes, the commitment sum, z - codes, and the moved sums and counts."""
    codes = sums / counts[:, None]
    distance = tf.reduce_sum(codes * codes, -1) - 2 * mm(z, codes, transpose_b=True)
    index = tf.range(codes.shape[0])
    near = tf.where(distance <= tf.reduce_min(distance, -1, keepdims=True), index, codes.shape[0])
    one_hot = tf.cast(tf.equal(index, tf.reduce_min(near, -1, keepdims=True)), tf.float32)
    gap = z - mm(one_hot, codes)
    counts = 0.99 * counts + 0.01 * tf.reduce_sum(one_hot, 0)
    sums = 0.99 * sums + 0.01 * mm(one_hot, z, transpose_a=True)
    mean = tf.reduce_mean(counts)
    dead = counts < 0.1 * mean
    sums = tf.where(dead[:, None], mean * tf.gather(z, picks), sums)
    return z - gap, 0.25 * tf.reduce_sum(gap * gap), gap, sums, tf.where(dead, mean, counts)


class VqLoop(GraphLoop):
    """The vector-quantised autoencoder: a graph loop with a codebook beside the weights."""

    def __init__(self, x: np.ndarray, batch_size: int, weights: Arrays) -> None:
        """Put the data, the state and the codebook on the device."""
        super().__init__(x, batch_size, weights, self._grads)
        self.sums = tf.Variable(np.random.default_rng().normal(size=(128, 16)).astype(np.float32))
        self.counts = tf.Variable(np.ones(128, np.float32))

    def _grads(self, w: Tensors, x: Tensor, _: Tensor) -> tuple[Tensors, Tensor]:
        k1, c1, k2, c2, w2, b2 = w[:6]
        n = x.shape[0]
        e1 = conv(x, k1, c1)
        e2 = conv(e1, k2, c2)
        h = tf.reshape(e2, (-1, 64))
        picks = tf.random.uniform((128,), maxval=n * 49, dtype=tf.int32)
        z, commitment, gap, *book = quantize(affine(h, w2, b2), self.sums, self.counts, picks)
        self.sums.assign(book[0])
        self.counts.assign(book[1])
        rec, dz, decoder = decoder_grads(gaussian_head, w[6:], tf.reshape(z, (n, 7, 7, 16)), x)
        dz = tf.reshape(dz, (-1, 16)) + (0.5 / n) * gap
        dh = tf.reshape(mm(dz, w2, transpose_b=True), e2.shape)
        grads = encoder_grads(x, e1, k1, k2, relu_grad(dh, e2))
        terms = tf.stack([rec + commitment, rec, commitment])
        return grads + affine_grads((h, dz)) + decoder, terms


def lstm(x: Tensor, w: Tensor, u: Tensor, b: Tensor) -> Tensor:
    """Return the hidden states of (time, rows, inputs): one fused kernel for the whole sequence."""
    zero, none = tf.zeros((x.shape[1], UNITS)), tf.zeros(UNITS)
    return raw.BlockLSTM(
        seq_len_max=x.shape[0],
        x=x,
        cs_prev=zero,
        h_prev=zero,
        w=tf.concat([w, u], 0),
        wci=none,
        wcf=none,
        wco=none,
        b=b,
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    ).h


def lstm_loss(w: Tensors, x: Tensor) -> Tensor:
    """Return the summed loss of the LSTM autoencoder."""
    rows, steps, _ = x.shape
    x = tf.transpose(x, [1, 0, 2])
    code = affine(lstm(x, *w[:3])[-1], w[3], w[4])
    h = lstm(tf.tile(code[None], [steps, 1, 1]), *w[5:8])
    r = tf.reshape(affine(tf.reshape(h, (-1, UNITS)), w[8], w[9]), x.shape) - x
    return tf.nn.l2_loss(r) + rows * 0.5 * steps * LOG_2PI


def lstm_init(inputs: int) -> Arrays:
    """Return kernel, orthogonal recurrent kernels and bias (gates: input, cell, forget, output)."""
    square = np.random.default_rng().normal(size=(4, UNITS, UNITS))
    recurrent = np.concatenate(list(np.linalg.qr(square)[0]), 1).astype(np.float32)
    return [glorot(inputs, 4 * UNITS), recurrent, np.repeat(np.float32([0, 0, 1, 0]), UNITS)]


def heads_init(inputs: int) -> Arrays:
    """Return the two heads' weights side by side."""
    return [np.concatenate([glorot(inputs, 16) for _ in range(2)], 1), np.zeros(32, np.float32)]


def initial(row: str) -> Arrays:
    """Return a row's initial weights."""
    encoder, decoder = coder_init(64 if row == "conv_vae" else 16)
    return {
        "table": lambda: layers(21, 64, 32, 64, 21),
        "linear": lambda: layers(784, 64, 784),
        "mlp_vae": lambda: [*layers(784, 512), *heads_init(512), *layers(16, 512, 784)],
        "conv_vae": lambda: [*encoder, *heads_init(3136), *layers(16, 3136), *decoder],
        "vq_vae": lambda: [*encoder, *layers(64, 16), *decoder],
        "lstm": lambda: [*lstm_init(1), *layers(64, 16), *lstm_init(16), *layers(64, 1)],
    }[row]()


ROWS: dict[str, Callable[[np.ndarray, int], Loop]] = {
    "table": lambda x, size: XlaLoop(x, size, initial("table"), taped(table_loss)),
    "linear": lambda x, size: GraphLoop(x, size, initial("linear"), linear_grads),
    "mlp_vae": lambda x, size: GraphLoop(x, size, initial("mlp_vae"), mlp_grads, noise=16),
    "conv_vae": lambda x, size: GraphLoop(x, size, initial("conv_vae"), conv_vae_grads, noise=16),
    "vq_vae": lambda x, size: VqLoop(x, size, initial("vq_vae")),
    "lstm": lambda x, size: GraphLoop(x, size, initial("lstm"), taped(lstm_loss)),
}
