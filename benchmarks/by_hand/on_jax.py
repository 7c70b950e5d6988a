"""The fastest hand-written JAX training loops of six small autoencoders on a CPU with two cores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Params = dict[str, Array]
Terms = tuple[Array, ...]
Extra = Any
LossFn = Callable[[Params, Extra, Array, Array], tuple[Array, tuple[Terms, Extra]]]

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
LATENT = 16
CODES = 128
DIMS = ("NHWC", "HWIO", "NHWC")


# ---------------------------------------------------------------------------------------------
# The loop: one dispatch an epoch, a scan over its steps
# ---------------------------------------------------------------------------------------------


def adam(params: Params, m: Params, v: Params, grads: Params, t: Array) -> tuple[Params, ...]:
    """One Adam step (lr 1e-3, betas 0.9 and 0.999, epsilon 1e-7 outside the root).

    The bias corrections are folded into the step size and the epsilon, which is exact.
    """
    root = jnp.sqrt(1.0 - jnp.power(0.999, t))
    rate, eps = 1e-3 * root / (1.0 - jnp.power(0.9, t)), 1e-7 * root
    m = jax.tree.map(lambda a, g: a + 0.1 * (g - a), m, grads)
    v = jax.tree.map(lambda a, g: a + 0.001 * (g * g - a), v, grads)
    params = jax.tree.map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + eps), params, m, v)
    return params, m, v


def no_noise(key: Array, steps: int, batch: int) -> Array:
    """Draw nothing."""
    del key, batch
    return jnp.zeros((steps, 1, 0), jnp.float32)


def normal_noise(key: Array, steps: int, batch: int) -> Array:
    """Draw the standard normal noise of all steps at once."""
    return jax.random.normal(key, (steps, batch, LATENT), jnp.float32)


class Loop:
    """Train a model one epoch at a time, its state and data resident on the device.

    Args:
        x: The data set, one row an example.
        batch_size: The rows of a step.
        params: The initial weights.
        loss: ``loss(params, extra, x, noise)``: the mean loss, and (the terms to log, what
            ``update`` needs).
        noise: ``noise(key, steps, batch)``: the random numbers of a block of steps.
        extra: State beside the weights that no gradient reaches.
        update: ``update(extra, aux, noise)``: the next ``extra``.
        terms: How many terms are logged.
        micro: Rows of a pass; a step sums the gradients of its passes (cache locality).
        gather: ``"epoch"``: permute the data once an epoch; ``"step"``: gather in each step.
        unroll: Steps unrolled in the scan's body.
        block: Steps of a dispatch; 0: the whole epoch.
    """

    def __init__(
        self,
        x: np.ndarray,
        batch_size: int,
        params: Params,
        loss: LossFn,
        *,
        noise: Callable[[Array, int, int], Array] = no_noise,
        extra: Extra = (),
        update: Callable[[Extra, Extra, Array], Extra] | None = None,
        terms: int = 1,
        micro: int = 0,
        gather: str = "epoch",
        unroll: int = 1,
        block: int = 0,
    ) -> None:
        self._x = jnp.asarray(x)
        self._rows, self._batch = len(x), batch_size
        self._loss_fn, self._noise, self._update = loss, noise, update
        self._block_rows = block * batch_size
        self._micro, self._gather, self._unroll = micro, gather, unroll
        self._order = np.random.default_rng(0)
        zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
        key = jax.random.key(0, impl="unsafe_rbg")
        self._state = (params, *zeros, extra, jnp.float32(0.0), key)
        self._terms = terms
        self._run = jax.jit(self._block, donate_argnums=0)
        self.logs: np.ndarray = np.zeros(terms)

    def _gradients(
        self, params: Params, extra: Extra, x: Array, noise: Array
    ) -> tuple[Params, tuple[Array, Extra]]:
        """Return a batch's gradients and (its mean terms, the auxiliary values)."""
        rows, part = x.shape[0], self._micro

        def grad(x: Array, noise: Array) -> tuple[Params, tuple[Array, Extra]]:
            grads, (terms, aux) = jax.grad(self._loss_fn, has_aux=True)(params, extra, x, noise)
            return grads, (jnp.stack(terms), aux)

        if not part or rows <= part or rows % part:
            grads, (terms, aux) = grad(x, noise)
            return grads, (terms, jax.tree.map(lambda a: a[None], aux))
        passes = rows // part
        split = noise.shape[0] == rows
        xs = (x.reshape(passes, part, *x.shape[1:]),)
        xs += (noise.reshape(passes, part, *noise.shape[1:]),) if split else ()

        def body(total: Any, xs: tuple[Array, ...]) -> tuple[Any, Extra]:
            grads, (terms, aux) = grad(xs[0], xs[1] if split else noise)
            return jax.tree.map(jnp.add, total, (grads, terms)), aux

        zero = (jax.tree.map(jnp.zeros_like, params), jnp.zeros(self._terms))
        (grads, terms), aux = lax.scan(body, zero, xs)
        grads, terms = jax.tree.map(lambda a: a * (1.0 / passes), (grads, terms))
        return grads, (terms, aux)

    def _step(self, state: Any, x: Array, noise: Array) -> Any:
        """Make one step."""
        params, m, v, extra, t, logs = state
        t = t + 1.0
        grads, (terms, aux) = self._gradients(params, extra, x, noise)
        params, m, v = adam(params, m, v, grads, t)
        if self._update is not None:
            extra = self._update(extra, aux, noise)
        return params, m, v, extra, t, logs + terms * x.shape[0]

    def _block(self, state: Any, logs: Array, data: Array, index: Array) -> tuple[Any, Array]:
        """Make one step for each row of ``index``."""
        *state, key = state
        key, draw = jax.random.split(key)
        noise = self._noise(draw, *index.shape)

        def rows(i: Array) -> Array:
            return data.at[i].get(mode="promise_in_bounds", unique_indices=True)

        if self._gather == "epoch":
            xs, pick = rows(index), lambda a: a
        else:
            xs, pick = index, rows

        def body(carry: Any, xs: tuple[Array, Array]) -> tuple[Any, None]:
            return self._step(carry, pick(xs[0]), xs[1]), None

        carry, _ = lax.scan(body, (*state, logs), (xs, noise), unroll=self._unroll)
        *state, logs = carry
        return (*state, key), logs

    def epoch(self) -> float:
        """Train one epoch in a new random order.

        Returns:
            The mean loss per example, as met while training.
        """
        order = self._order.permutation(self._rows).astype(np.int32)
        whole = self._rows // self._batch * self._batch
        logs = jnp.zeros(self._terms)
        state = self._state
        size = self._block_rows or max(whole, 1)
        for start in range(0, whole, size):
            index = order[start : min(start + size, whole)].reshape(-1, self._batch)
            state, logs = self._run(state, logs, self._x, index)
        if whole < self._rows:
            state, logs = self._run(state, logs, self._x, order[None, whole:])
        self._state = jax.block_until_ready(state)
        self.logs = np.asarray(logs) / self._rows
        return float(self.logs[0])


# ---------------------------------------------------------------------------------------------
# Weights, losses
# ---------------------------------------------------------------------------------------------


def glorot(rng: np.random.Generator, *shape: int) -> Array:
    """Draw a Glorot uniform kernel, the last two axes being inputs and outputs."""
    field = math.prod(shape[:-2])
    limit = math.sqrt(6.0 / (field * (shape[-2] + shape[-1])))
    return jnp.asarray(rng.uniform(-limit, limit, shape).astype(np.float32))


def weights(shapes: dict[str, tuple[int, ...]]) -> Params:
    """Make the kernels and zero biases (``name`` and ``name_b``) of named layers."""
    rng = np.random.default_rng(1)
    params = {}
    for name, shape in shapes.items():
        params[name] = glorot(rng, *shape)
        params[f"{name}_b"] = jnp.zeros(shape[-1], jnp.float32)
    return params


def dense(p: Params, name: str, x: Array) -> Array:
    """Apply a dense layer."""
    return x @ p[name] + p[f"{name}_b"]


def relu(x: Array) -> Array:
    """Rectify."""
    return jnp.maximum(x, 0.0)


def gaussian(x: Array, y: Array) -> Array:
    """Return the mean Gaussian negative log-likelihood of examples (variance one)."""
    return 0.5 * jnp.sum((x - y) ** 2) / x.shape[0] + HALF_LOG_2PI * (x.size // x.shape[0])


@jax.custom_vjp
def bernoulli(logits: Array, x: Array) -> Array:
    """Return the summed Bernoulli negative log-likelihood, softplus(l) - x l."""
    return jnp.sum(relu(logits) + jnp.log1p(jnp.exp(-jnp.abs(logits))) - x * logits)


def _bernoulli_fwd(logits: Array, x: Array) -> tuple[Array, tuple[Array, Array]]:
    return bernoulli(logits, x), (logits, x)


def _bernoulli_bwd(saved: tuple[Array, Array], d: Array) -> tuple[Array, None]:
    logits, x = saved
    e = jnp.exp(-jnp.abs(logits))
    return d * (jnp.where(logits >= 0, 1.0, e) / (1.0 + e) - x), None


bernoulli.defvjp(_bernoulli_fwd, _bernoulli_bwd)


def sample(heads: Array, noise: Array) -> tuple[Array, Array]:
    """Return a latent draw and the mean KL divergence from (mean, log variance) heads."""
    mean, log_var = heads[:, :LATENT], jnp.clip(heads[:, LATENT:], -20.0, 20.0)
    kl = 0.5 * jnp.sum(mean * mean + jnp.exp(log_var) - 1.0 - log_var) / heads.shape[0]
    return mean + jnp.exp(0.5 * log_var) * noise, kl


# ---------------------------------------------------------------------------------------------
# Convolutions: XLA's forward convolutions are fast, its gradients by the kernel are not
# ---------------------------------------------------------------------------------------------


def conv_native(x: Array, w: Array) -> Array:
    """Convolve 3x3, stride 2, SAME (on an even size: one row of zeros after)."""
    return lax.conv_general_dilated(x, w, (2, 2), ((0, 1), (0, 1)), dimension_numbers=DIMS)


def conv_t_native(x: Array, w: Array) -> Array:
    """Convolve transposed 3x3, stride 2, SAME: y[2 i + k] += x[i] w[k]."""
    return lax.conv_general_dilated(
        x, w[::-1, ::-1], (1, 1), ((2, 1), (2, 1)), lhs_dilation=(2, 2), dimension_numbers=DIMS
    )[:, : 2 * x.shape[1], : 2 * x.shape[2]]


def patches(x: Array) -> Array:
    """Lay out the 3x3 stride 2 patches as rows: (n h/2 w/2, 9 c)."""
    _n, h, w, c = x.shape
    x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    parts = [x[:, i : i + h - 1 : 2, j : j + w - 1 : 2] for i in range(3) for j in range(3)]
    return jnp.concatenate(parts, -1).reshape(-1, 9 * c)


@jax.custom_vjp
def conv(x: Array, w: Array) -> Array:
    """Convolve 3x3, stride 2, SAME."""
    return conv_native(x, w)


def _conv_fwd(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return conv_native(x, w), (x, w)


def _conv_bwd(saved: tuple[Array, Array], d: Array) -> tuple[Array, Array]:
    x, w = saved
    dw = patches(x).T @ d.reshape(-1, d.shape[-1])
    return conv_t_native(d, w.transpose(0, 1, 3, 2)), dw.reshape(w.shape)


conv.defvjp(_conv_fwd, _conv_bwd)


@jax.custom_vjp
def conv_t(x: Array, w: Array) -> Array:
    """Convolve transposed 3x3, stride 2, SAME."""
    return conv_t_native(x, w)


def _conv_t_fwd(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return conv_t_native(x, w), (x, w)


def _conv_t_bwd(saved: tuple[Array, Array], d: Array) -> tuple[Array, Array]:
    x, w = saved
    inputs, outputs = w.shape[2:]
    rows = patches(d)
    dx = rows @ w.transpose(0, 1, 3, 2).reshape(-1, inputs)
    dw = (x.reshape(-1, inputs).T @ rows).reshape(inputs, 3, 3, outputs)
    return dx.reshape(x.shape), dw.transpose(1, 2, 0, 3)


conv_t.defvjp(_conv_t_fwd, _conv_t_bwd)


@jax.custom_vjp
def conv_out(x: Array, w: Array) -> Array:
    """Convolve 3x3, stride 1, SAME to one channel: nine maps by one matmul, shifted and added."""
    n, height, width, c = x.shape
    maps = (w.reshape(9, c) @ x.reshape(-1, c).T).reshape(9, n, height, width)
    maps = jnp.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifts = [maps[3 * i + j, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return sum(shifts[1:], shifts[0])[..., None]


def _conv_out_fwd(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return conv_out(x, w), (x, w)


def _conv_out_bwd(saved: tuple[Array, Array], d: Array) -> tuple[Array, Array]:
    x, w = saved
    _, height, width, c = x.shape
    d = jnp.pad(d[..., 0], ((0, 0), (1, 1), (1, 1)))
    shifts = [
        d[:, 2 - i : 2 - i + height, 2 - j : 2 - j + width] for i in range(3) for j in range(3)
    ]
    rows = jnp.stack(shifts).reshape(9, -1)
    return (rows.T @ w.reshape(9, c)).reshape(x.shape), (rows @ x.reshape(-1, c)).reshape(w.shape)


conv_out.defvjp(_conv_out_fwd, _conv_out_bwd)

CONV_ENCODER = {"conv1": (3, 3, 1, 32), "conv2": (3, 3, 32, 64)}


def conv_encode(p: Params, x: Array) -> Array:
    """Map images to (n, 7, 7, 64)."""
    n = x.shape[0]
    h = (patches(x) @ p["conv1"].reshape(9, 32)).reshape(n, 14, 14, 32)
    h = relu(h + p["conv1_b"])
    return relu(conv(h, p["conv2"]) + p["conv2_b"])


def conv_decode(p: Params, h: Array) -> Array:
    """Map (n, 7, 7, c) to images."""
    h = relu(conv_t(h, p["up1"]) + p["up1_b"])
    h = relu(conv_t(h, p["up2"]) + p["up2_b"])
    return conv_out(h, p["out"]) + p["out_b"]


# ---------------------------------------------------------------------------------------------
# The LSTM: sigmoid(x) = 0.5 tanh(0.5 x) + 0.5, kernel gradients by one matmul after the scan
# ---------------------------------------------------------------------------------------------


@jax.custom_vjp
def lstm(base: Array, xs: Array, wx: Array, wh: Array) -> tuple[Array, Array]:
    """Run an LSTM (gates in the order i, f, o, g).

    Args:
        base: What every step's gates start from: bias and constant input, (n, 4 units).
        xs: The steps' scalar inputs, (steps, n, 1), or (steps, 0, 0) where there are none.
        wx: The inputs' kernel, (1, 4 units).
        wh: The recurrent kernel, (units, 4 units).

    Returns:
        The hidden states, (steps, n, units), and the last one.
    """
    return _lstm_fwd(base, xs, wx, wh)[0]


def _scale(units: int) -> np.ndarray:
    """Return the gates' factors: a half for the three sigmoids, one for the tanh."""
    return np.repeat(np.float32([0.5, 1.0]), [3 * units, units])


def _lstm_fwd(base: Array, xs: Array, wx: Array, wh: Array) -> tuple[tuple[Array, Array], Any]:
    n, units = base.shape[0], wh.shape[0]
    start, kx, kh = (a * _scale(units) for a in (base, wx, wh))

    def body(carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Any]:
        old, c = carry
        a = old @ kh + start
        a = jnp.tanh(a + x * kx if x.size else a)
        i, f, o = (0.5 * a[:, k * units : (k + 1) * units] + 0.5 for k in range(3))
        c = f * c + i * a[:, 3 * units :]
        h = o * jnp.tanh(c)
        return (h, c), (h, old, c, a)

    zero = jnp.zeros((n, units), jnp.float32)
    (last, _), (hs, old, cs, gates) = lax.scan(body, (zero, zero), xs)
    return (hs, last), (xs, wx, wh, old, cs, gates)


def _lstm_bwd(saved: Any, grads: tuple[Array, Array]) -> tuple[Array, None, Array, Array]:
    xs, wx, wh, old, cs, gates = saved
    n, units = old.shape[1:]
    zero = jnp.zeros((n, units), jnp.float32)
    back = wh.T

    def body(carry: tuple[Array, ...], step: Any) -> tuple[tuple[Array, ...], Array]:
        dh, dc, total = carry
        d, c, a = step
        ti, tf, to, g = (a[:, k * units : (k + 1) * units] for k in range(4))
        i, f, o, tc = 0.5 * ti + 0.5, 0.5 * tf + 0.5, 0.5 * to + 0.5, jnp.tanh(c)
        dh = dh + d if d.size else dh
        dc = dc + dh * o * (1.0 - tc * tc)
        parts = [dc * g * i * (1.0 - i), dc * (c - i * g) * (1.0 - f), dh * tc * o * (1.0 - o)]
        da = jnp.concatenate([*parts, dc * i * (1.0 - g * g)], -1)
        return (da @ back, dc * f, total + da), da

    start = (grads[1], zero, jnp.zeros((n, 4 * units), jnp.float32))
    d_hs = jnp.zeros((len(cs), 0, 0)) if xs.size else grads[0]
    (_, _, total), da = lax.scan(body, start, (d_hs, cs, gates), reverse=True)
    da = da.reshape(-1, 4 * units)
    dwx = xs.reshape(1, -1) @ da if xs.size else jnp.zeros_like(wx)
    return total, None, dwx, old.reshape(-1, units).T @ da


lstm.defvjp(_lstm_fwd, _lstm_bwd)


# ---------------------------------------------------------------------------------------------
# The rows
# ---------------------------------------------------------------------------------------------


def make_table(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the 21-64-32-64-21 autoencoder."""

    def loss(p: Params, _: Extra, x: Array, noise: Array) -> tuple[Array, tuple[Terms, Extra]]:
        code = dense(p, "code", relu(dense(p, "in", x)))
        value = gaussian(x, dense(p, "out", relu(dense(p, "up", code))))
        return value, ((value,), ())

    shapes = {"in": (21, 64), "code": (64, 32), "up": (32, 64), "out": (64, 21)}
    return Loop(x, batch_size, weights(shapes), loss, **options)


def make_linear(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the linear 784-64-784 autoencoder."""

    def loss(p: Params, _: Extra, x: Array, noise: Array) -> tuple[Array, tuple[Terms, Extra]]:
        value = gaussian(x, dense(p, "out", dense(p, "in", x)))
        return value, ((value,), ())

    shapes = {"in": (784, 64), "out": (64, 784)}
    return Loop(x, batch_size, weights(shapes), loss, **{"gather": "step"} | options)


def vae_terms(logits: Array, x: Array, kl: Array) -> tuple[Array, tuple[Terms, Extra]]:
    """Return a VAE's loss and its terms."""
    rec = bernoulli(logits, x) / x.shape[0]
    return rec + kl, ((rec + kl, rec, kl), ())


def make_mlp_vae(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the dense VAE."""

    def loss(p: Params, _: Extra, x: Array, noise: Array) -> tuple[Array, tuple[Terms, Extra]]:
        z, kl = sample(dense(p, "heads", relu(dense(p, "in", x))), noise)
        return vae_terms(dense(p, "out", relu(dense(p, "up", z))), x, kl)

    shapes = {"in": (784, 512), "heads": (512, 2 * LATENT), "up": (LATENT, 512), "out": (512, 784)}
    options = {"gather": "step"} | options
    return Loop(x, batch_size, weights(shapes), loss, noise=normal_noise, terms=3, **options)


def make_conv_vae(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the convolutional VAE."""

    def loss(p: Params, _: Extra, x: Array, noise: Array) -> tuple[Array, tuple[Terms, Extra]]:
        z, kl = sample(dense(p, "heads", conv_encode(p, x).reshape(-1, 3136)), noise)
        h = relu(dense(p, "up", z)).reshape(-1, 7, 7, 64)
        return vae_terms(conv_decode(p, h), x, kl)

    shapes = CONV_ENCODER | {"heads": (3136, 2 * LATENT), "up": (LATENT, 3136)}
    shapes |= {"up1": (3, 3, 64, 64), "up2": (3, 3, 64, 32), "out": (3, 3, 32, 1)}
    options = {"micro": 32, "gather": "step"} | options
    return Loop(x, batch_size, weights(shapes), loss, noise=normal_noise, terms=3, **options)


def code_draws(key: Array, steps: int, batch: int) -> Array:
    """Draw which of a batch's vectors a dead code would move to, for all steps at once."""
    return jax.random.randint(key, (steps, CODES), 0, batch * 49)


def make_vq_vae(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the VQ-VAE."""

    def loss(p: Params, book: Extra, x: Array, draws: Array) -> tuple[Array, tuple[Terms, Extra]]:
        sums, counts = book
        codes = sums / counts[:, None]
        z = dense(p, "code", conv_encode(p, x)).reshape(-1, LATENT)
        flat = lax.stop_gradient(z)
        far = 0.5 * jnp.sum(codes * codes, 1)[:, None] - codes @ flat.T
        places = lax.broadcasted_iota(jnp.int32, far.shape, 0)
        best = jnp.min(jnp.where(far == jnp.min(far, 0), places, CODES), 0)
        hot = (places == best).astype(jnp.float32)
        quantised = codes[best]
        straight = z + lax.stop_gradient(quantised - z)
        rec = gaussian(x, conv_decode(p, straight.reshape(-1, 7, 7, LATENT)))
        commit = 0.25 * jnp.sum((z - quantised) ** 2) / x.shape[0]
        total = rec + commit
        return total, ((total, rec, commit), (hot @ flat, jnp.sum(hot, 1), flat))

    def update(book: Extra, aux: Extra, draws: Array) -> Extra:
        sums = 0.99 * book[0] + 0.01 * jnp.sum(aux[0], 0)
        counts = 0.99 * book[1] + 0.01 * jnp.sum(aux[1], 0)
        mean = jnp.mean(counts)
        dead = counts < 0.1 * mean
        fresh = aux[2].reshape(-1, LATENT)[draws]
        sums = jnp.where(dead[:, None], mean * fresh, sums)
        return sums, jnp.where(dead, mean, counts)

    shapes = CONV_ENCODER | {"code": (64, LATENT), "up1": (3, 3, LATENT, 64)}
    shapes |= {"up2": (3, 3, 64, 32), "out": (3, 3, 32, 1)}
    rng = np.random.default_rng(2)
    book = (jnp.asarray(rng.normal(size=(CODES, LATENT)), jnp.float32), jnp.ones(CODES))
    options = {"micro": 32, "gather": "step"} | options
    return Loop(
        x, batch_size, weights(shapes), loss,
        noise=code_draws, extra=book, update=update, terms=3, **options,
    )  # fmt: skip


def make_lstm(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the LSTM autoencoder."""
    units, steps = 64, x.shape[1]

    def loss(p: Params, _: Extra, x: Array, noise: Array) -> tuple[Array, tuple[Terms, Extra]]:
        n = x.shape[0]
        base = jnp.broadcast_to(p["in_b"], (n, 4 * units))
        _, last = lstm(base, x.transpose(1, 0, 2), p["in"], p["enc"])
        base = dense(p, "up", dense(p, "code", last))
        hs, _ = lstm(base, jnp.zeros((steps, 0, 0)), p["in"], p["dec"])
        y = dense(p, "out", hs)[..., 0].T
        value = gaussian(x[..., 0], y)
        return value, ((value,), ())

    shapes = {"in": (1, 4 * units), "code": (units, LATENT), "up": (LATENT, 4 * units)}
    params = weights(shapes | {"out": (units, 1)})
    rng = np.random.default_rng(3)
    forget = jnp.zeros(4 * units).at[units : 2 * units].set(1.0)
    params |= {"in_b": forget, "up_b": forget + 0.0}
    params |= {"enc": glorot(rng, units, 4 * units), "dec": glorot(rng, units, 4 * units)}
    return Loop(x, batch_size, params, loss, **options)


ROWS: dict[str, Callable[[np.ndarray, int], Loop]] = {
    "table": make_table,
    "linear": make_linear,
    "mlp_vae": make_mlp_vae,
    "conv_vae": make_conv_vae,
    "vq_vae": make_vq_vae,
    "lstm": make_lstm,
}
