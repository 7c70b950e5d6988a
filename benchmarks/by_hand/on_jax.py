"""The fastest hand-written JAX training loops of six small autoencoders on a CPU with two cores.

The dense models scan over an epoch in one dispatch. The convolutional ones and the LSTM split
each batch between two threads that run the same program on half a batch, and the convolutional
ones sum the gradients of passes of a few rows, so that what is between stays in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree

Params = dict[str, Array]
Outcome = tuple[Array, tuple[tuple[Array, ...], Any]]
LossFn = Callable[[Params, Any, Array, Array], Outcome]

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
LATENT, CODES = 16, 128
relu = jax.nn.relu
convolve = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def take(data: Array, index: Array) -> Array:
    """Gather rows."""
    return data.at[index].get(mode="promise_in_bounds", unique_indices=True)


def adam(params: Params, m: Any, v: Any, grads: Params, t: Array) -> tuple[Params, Any, Any]:
    """One Adam step (lr 1e-3, betas 0.9 and 0.999, epsilon 1e-7 outside the root).

    The bias corrections are folded into the step size and the epsilon, which is exact. The
    moments may be flat vectors: fewer loops where the weights are tiny.
    """
    flat = not isinstance(m, dict)
    if flat:
        grads, shape = ravel_pytree(grads)
    root = jnp.sqrt(1.0 - jnp.power(0.999, t))
    rate, eps = 1e-3 * root / (1.0 - jnp.power(0.9, t)), 1e-7 * root
    m = jax.tree.map(lambda a, g: a + 0.1 * (g - a), m, grads)
    v = jax.tree.map(lambda a, g: a + 0.001 * (g * g - a), v, grads)
    moves = jax.tree.map(lambda a, b: rate * a / (jnp.sqrt(b) + eps), m, v)
    return jax.tree.map(jnp.subtract, params, shape(moves) if flat else moves), m, v


class Loop:
    """Train a model one epoch at a time, its state and data resident on the device.

    Args:
        x: The data set, one row an example.
        batch_size: The rows of a step.
        params: The initial weights.
        loss: ``loss(params, extra, x, noise)``: the mean loss, and (the terms to log, what
            ``update`` needs).
        latent: The standard normal numbers drawn for an example.
        extra: State beside the weights that no gradient reaches.
        update: ``update(extra, aux)``: the next ``extra`` (``aux`` stacked over the passes).
        terms: How many terms are logged, the loss being the first.
        micro: Rows of a pass, 0: all; a step sums the gradients of its passes.
        permute: Permute the whole data once an epoch instead of gathering rows in each step.
        flat: Keep Adam's moments as one vector each.
        halves: Run the halves of a batch on two threads, one dispatch a step (where XLA's own
            threads find too little to share), instead of scanning over the steps.
        xla: Options of XLA's compiler.
    """

    def __init__(
        self,
        x: np.ndarray,
        batch_size: int,
        params: Params,
        loss: LossFn,
        *,
        latent: int = 0,
        extra: Any = (),
        update: Callable[[Any, Any], Any] = lambda extra, aux: extra,
        terms: int = 1,
        micro: int = 0,
        permute: bool = False,
        flat: bool = False,
        halves: bool = False,
        xla: dict[str, Any] | None = None,
    ) -> None:
        """Put the data and the initial state on the device."""
        self._x, self._rows, self._batch = jnp.asarray(x), len(x), batch_size
        self._loss, self._latent, self._update, self._terms = loss, latent, update, terms
        self._micro, self._permute = micro, permute
        like = ravel_pytree(params)[0] if flat else params
        m, v = (jax.tree.map(jnp.zeros_like, like) for _ in range(2))
        self._state = (params, m, v, extra, jnp.float32(0.0), jnp.zeros(terms))
        self._key, self._order = jax.random.key(0, impl="unsafe_rbg"), np.random.default_rng(0)
        self._draw = jax.jit(self._draws, static_argnums=(1, 2))
        self._scan = jax.jit(self._block, donate_argnums=0, compiler_options=xla)
        self._grad = jax.jit(self._half, compiler_options=xla)
        self._join = jax.jit(self._combine, donate_argnums=0)
        self._pool = ThreadPoolExecutor(1) if halves and batch_size % 2 == 0 else None
        self.logs: np.ndarray = np.zeros(terms)

    def _draws(self, key: Array, steps: int, rows: int) -> tuple[Array, Array]:
        """Return the next key and the noise of some steps."""
        key, draw = jax.random.split(key)
        return key, jax.random.normal(draw, (steps, rows, self._latent))

    def _gradients(self, params: Params, extra: Any, x: Array, noise: Array) -> tuple[Any, Any]:
        """Return a batch's (gradients, mean terms) and the passes' auxiliary values."""

        def grad(x: Array, noise: Array) -> tuple[Any, Any]:
            grads, (terms, aux) = jax.grad(self._loss, has_aux=True)(params, extra, x, noise)
            return (grads, jnp.stack(terms)), aux

        if not self._micro:
            means, aux = grad(x, noise)
            return means, jax.tree.map(lambda a: a[None], aux)
        part = math.gcd(len(x), self._micro)
        passes = len(x) // part

        def body(total: Any, xs: tuple[Array, Array]) -> tuple[Any, Any]:
            means, aux = grad(*xs)
            return jax.tree.map(jnp.add, total, means), aux

        zero = jax.tree.map(jnp.zeros_like, params), jnp.zeros(self._terms)
        xs = (a.reshape(passes, part, *a.shape[1:]) for a in (x, noise))
        total, aux = lax.scan(body, zero, tuple(xs))
        return jax.tree.map(lambda a: a / passes, total), aux

    def _finish(self, state: Any, means: Any, aux: Any, rows: int) -> Any:
        """Make a step of a batch's gradients."""
        params, m, v, extra, t, logs = state
        params, m, v = adam(params, m, v, means[0], t + 1.0)
        return params, m, v, self._update(extra, aux), t + 1.0, logs + means[1] * rows

    def _block(self, state: Any, data: Array, index: Array, noise: Array) -> Any:
        """Make one step for each row of ``index``."""

        def body(state: Any, xs: tuple[Array, Array]) -> tuple[Any, None]:
            x = xs[0] if self._permute else take(data, xs[0])
            out = self._gradients(state[0], state[3], x, xs[1])
            return self._finish(state, *out, len(x)), None

        return lax.scan(body, state, (take(data, index) if self._permute else index, noise))[0]

    def _half(
        self, params: Params, extra: Any, data: Array, index: Array, noise: Array, at: Array
    ) -> tuple[Any, Any]:
        """Return what ``_gradients`` does of half a batch, ``at`` being (step, half)."""
        rows = self._batch // 2
        index = lax.dynamic_slice(index, (at[0], at[1] * rows), (1, rows))[0]
        noise = lax.dynamic_slice(noise, (at[0], at[1] * rows, 0), (1, rows, self._latent))[0]
        return self._gradients(params, extra, take(data, index), noise)

    def _combine(self, state: Any, first: Any, second: Any) -> Any:
        """Make a step of the gradients of two halves."""
        means = jax.tree.map(lambda a, b: 0.5 * (a + b), first[0], second[0])
        aux = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first[1], second[1])
        return self._finish(state, means, aux, self._batch)

    def _run_halves(self, state: Any, index: np.ndarray, noise: Array) -> Any:
        """Make one step for each row of ``index``, the halves of a batch side by side."""
        places = jax.device_put(index)

        def grad(step: int, half: int) -> Any:
            at = np.array([step, half], np.int32)
            out = self._grad(state[0], state[3], self._x, places, noise, at)
            return jax.block_until_ready(out)

        for step in range(len(index)):
            other = self._pool.submit(grad, step, 1)
            state = self._join(state, grad(step, 0), other.result())
        return state

    def epoch(self) -> float:
        """Train one epoch in a new random order.

        Returns:
            The mean loss per example, as met while training (``logs`` has all the terms).
        """
        order = self._order.permutation(self._rows).astype(np.int32)
        whole = self._rows // self._batch * self._batch
        state = (*self._state[:-1], jnp.zeros(self._terms))
        for index in (order[:whole].reshape(-1, self._batch), order[None, whole:]):
            if index.size:
                self._key, noise = self._draw(self._key, *index.shape)
                if self._pool and index.shape[1] == self._batch:
                    state = self._run_halves(state, index, noise)
                else:
                    state = self._scan(state, self._x, index, noise)
        self._state = jax.block_until_ready(state)
        self.logs = np.asarray(state[-1]) / self._rows
        return float(self.logs[0])


def weights(shapes: dict[str, tuple[int, ...]]) -> Params:
    """Make the Glorot uniform kernels and zero biases (``name`` and ``name_b``) of layers."""
    rng, params = np.random.default_rng(1), {}
    for name, shape in shapes.items():
        limit = math.sqrt(6.0 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
        params[name] = jnp.asarray(rng.uniform(-limit, limit, shape), jnp.float32)
        params[f"{name}_b"] = jnp.zeros(shape[-1])
    return params


def dense(p: Params, name: str, x: Array) -> Array:
    """Apply a dense layer."""
    return x @ p[name] + p[f"{name}_b"]


def gaussian(x: Array, y: Array) -> Array:
    """Return the mean Gaussian negative log-likelihood of examples (variance one)."""
    return 0.5 * jnp.sum((x - y) ** 2) / x.shape[0] + HALF_LOG_2PI * (x.size // x.shape[0])


def sample(heads: Array, noise: Array) -> tuple[Array, Array]:
    """Return a latent draw and the mean KL divergence from (mean, log variance) heads."""
    mean, log_var = heads[:, :LATENT], jnp.clip(heads[:, LATENT:], -20.0, 20.0)
    kl = 0.5 * jnp.sum(mean * mean + jnp.exp(log_var) - 1.0 - log_var) / heads.shape[0]
    return mean + jnp.exp(0.5 * log_var) * noise, kl


def vae_terms(logits: Array, x: Array, kl: Array) -> Outcome:
    """Return a VAE's loss (Bernoulli negative log-likelihood and divergence) and its terms."""
    softplus = jnp.maximum(logits, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    rec = jnp.sum(softplus - x * logits) / len(x)
    return rec + kl, ((rec + kl, rec, kl), ())


# XLA's forward convolutions are fast, its gradients by the kernel are not: those are matmuls.


def with_gradient(forward: Callable[..., Array], backward: Callable[..., Any]) -> Any:
    """Give a function of (x, w) the gradient ``backward((x, w), d)``."""
    function = jax.custom_vjp(forward)
    function.defvjp(lambda x, w: (forward(x, w), (x, w)), backward)
    return function


def down(x: Array, w: Array) -> Array:
    """Convolve 3x3, stride 2, SAME (on an even size: one row of zeros after)."""
    return convolve(x, w, (2, 2), ((0, 1), (0, 1)))


def up(x: Array, w: Array) -> Array:
    """Convolve transposed 3x3, stride 2, SAME: y[2 i + k] += x[i] w[k]."""
    return convolve(x, w[::-1, ::-1], (1, 1), ((2, 1), (2, 1)), lhs_dilation=(2, 2))


def shifted(x: Array, size: int, stride: int) -> list[Array]:
    """Return the nine inputs that 3x3 windows see, from padded maps (n, height, width, ...)."""
    ends = [slice(k, k + stride * (size - 1) + 1, stride) for k in range(3)]
    return [x[:, i, j] for i in ends for j in ends]


def patches(x: Array) -> Array:
    """Lay out the 3x3 stride 2 patches as rows: (n h/2 w/2, 9 c)."""
    padded = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    return jnp.concatenate(shifted(padded, x.shape[1] // 2, 2), -1).reshape(-1, 9 * x.shape[3])


def _down_back(saved: tuple[Array, Array], d: Array) -> tuple[Array, Array]:
    x, w = saved
    dw = patches(x).T @ d.reshape(-1, d.shape[-1])
    return up(d, w.transpose(0, 1, 3, 2)), dw.reshape(w.shape)


def _up_back(saved: tuple[Array, Array], d: Array) -> tuple[Array, Array]:
    x, w = saved
    inputs, outputs = w.shape[2:]
    rows = patches(d)
    dx = rows @ w.transpose(0, 1, 3, 2).reshape(-1, inputs)
    dw = (x.reshape(-1, inputs).T @ rows).reshape(inputs, 3, 3, outputs)
    return dx.reshape(x.shape), dw.transpose(1, 2, 0, 3)


def to_one(x: Array, w: Array) -> Array:
    """Convolve 3x3, stride 1, SAME to one channel: nine maps by one matmul, shifted and added."""
    maps = (w.reshape(9, -1) @ x.reshape(-1, x.shape[3]).T).reshape(9, *x.shape[:3])
    maps = jnp.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    size = x.shape[1]
    parts = [maps[k, :, k // 3 : k // 3 + size, k % 3 : k % 3 + size] for k in range(9)]
    return sum(parts[1:], parts[0])[..., None]


def _to_one_back(saved: tuple[Array, Array], d: Array) -> tuple[Array, Array]:
    x, w = saved
    d = jnp.pad(d[..., 0], ((0, 0), (1, 1), (1, 1)))
    rows = jnp.stack(shifted(d, x.shape[1], 1)[::-1]).reshape(9, -1)
    dx = (rows.T @ w.reshape(9, -1)).reshape(x.shape)
    return dx, (rows @ x.reshape(-1, x.shape[3])).reshape(w.shape)


conv_down, conv_up = with_gradient(down, _down_back), with_gradient(up, _up_back)
conv_one = with_gradient(to_one, _to_one_back)
CONV_ENCODER = {"conv1": (3, 3, 1, 32), "conv2": (3, 3, 32, 64)}
CONV_DECODER = {"up2": (3, 3, 64, 32), "out": (3, 3, 32, 1)}
CONV_OPTIONS = {"terms": 3, "micro": 8, "halves": True}


def conv_encode(p: Params, x: Array) -> Array:
    """Map images to (n, 7, 7, 64)."""
    h = (patches(x) @ p["conv1"].reshape(9, 32)).reshape(-1, 14, 14, 32)
    h = relu(h + p["conv1_b"])
    return relu(conv_down(h, p["conv2"]) + p["conv2_b"])


def conv_decode(p: Params, h: Array) -> Array:
    """Map (n, 7, 7, c) to images."""
    h = relu(conv_up(h, p["up1"]) + p["up1_b"])
    h = relu(conv_up(h, p["up2"]) + p["up2_b"])
    return conv_one(h, p["out"]) + p["out_b"]


# The LSTM: sigmoid(x) = 0.5 tanh(0.5 x) + 0.5; forward keeps the factors that backward needs.


def _lstm(base: Array, xs: Array, wx: Array, wh: Array) -> tuple[tuple[Array, Array], Any]:
    """Return what ``lstm`` does, and what its gradient needs."""
    n, units = base.shape[0], wh.shape[0]
    half = np.repeat(np.float32([0.5, 1.0]), [3 * units, units])
    start, kx, kh = (a * half for a in (base, wx, wh))

    def body(carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Any]:
        old, c_old = carry
        a = old @ kh + start
        a = jnp.tanh(a + x * kx if x.size else a)
        i, f, o = (0.5 * a[:, k * units : (k + 1) * units] + 0.5 for k in range(3))
        g = a[:, 3 * units :]
        c = f * c_old + i * g
        tc = jnp.tanh(c)
        h = o * tc
        rates = g * i * (1.0 - i), c_old * f * (1.0 - f), tc * o * (1.0 - o), i * (1.0 - g * g)
        return (h, c), (h, old, rates, o * (1.0 - tc * tc), f)

    zero = jnp.zeros((n, units))
    (last, _), (hs, *saved) = lax.scan(body, (zero, zero), xs)
    return (hs, last), (xs, wx, wh, *saved)


def _lstm_back(saved: Any, grads: tuple[Array, Array]) -> tuple[Array, None, Array, Array]:
    xs, wx, wh, old, *rates = saved

    def body(carry: tuple[Array, ...], step: Any) -> tuple[tuple[Array, ...], Array]:
        dh, dc, total = carry
        d, rate, cell, f = step
        dh = dh + d if d.size else dh
        dc = dc + dh * cell
        da = jnp.concatenate([rate[0] * dc, rate[1] * dc, rate[2] * dh, rate[3] * dc], -1)
        return (da @ wh.T, dc * f, total + da), da

    start = (grads[1], jnp.zeros_like(old[0]), jnp.zeros((old.shape[1], wh.shape[1])))
    d_hs = jnp.zeros((len(old), 0, 0)) if xs.size else grads[0]
    (_, _, total), da = lax.scan(body, start, (d_hs, *rates), reverse=True)
    da = da.reshape(-1, wh.shape[1])
    dwx = xs.reshape(1, -1) @ da if xs.size else jnp.zeros_like(wx)
    return total, None, dwx, old.reshape(-1, len(wh)).T @ da


@jax.custom_vjp
def lstm(base: Array, xs: Array, wx: Array, wh: Array) -> tuple[Array, Array]:
    """Run an LSTM (gates in the order i, f, o, g).

    Args:
        base: What every step's gates start from: bias and constant input, (n, 4 units).
        xs: The steps' scalar inputs, (steps, n, 1), or (steps, 0, 0) where there are none. With
            inputs, gradients reach it through the last state only; without, through all states.
        wx: The inputs' kernel, (1, 4 units).
        wh: The recurrent kernel, (units, 4 units).

    Returns:
        The hidden states, (steps, n, units), and the last one.
    """
    return _lstm(base, xs, wx, wh)[0]


lstm.defvjp(_lstm, _lstm_back)


def make_table(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the 21-64-32-64-21 autoencoder."""

    def loss(p: Params, _: Any, x: Array, noise: Array) -> Outcome:
        code = dense(p, "code", relu(dense(p, "in", x)))
        value = gaussian(x, dense(p, "out", relu(dense(p, "up", code))))
        return value, ((value,), ())

    shapes = {"in": (21, 64), "code": (64, 32), "up": (32, 64), "out": (64, 21)}
    options = {"permute": True, "flat": True} | options
    return Loop(x, batch_size, weights(shapes), loss, **options)


def make_linear(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the linear 784-64-784 autoencoder."""

    def loss(p: Params, _: Any, x: Array, noise: Array) -> Outcome:
        value = gaussian(x, dense(p, "out", dense(p, "in", x)))
        return value, ((value,), ())

    eigen = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}
    params = weights({"in": (784, 64), "out": (64, 784)})
    return Loop(x, batch_size, params, loss, **{"xla": eigen} | options)


def make_mlp_vae(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the dense VAE."""

    def loss(p: Params, _: Any, x: Array, noise: Array) -> Outcome:
        z, kl = sample(dense(p, "heads", relu(dense(p, "in", x))), noise)
        return vae_terms(dense(p, "out", relu(dense(p, "up", z))), x, kl)

    shapes = {"in": (784, 512), "heads": (512, 2 * LATENT), "up": (LATENT, 512), "out": (512, 784)}
    return Loop(x, batch_size, weights(shapes), loss, latent=LATENT, terms=3, **options)


def make_conv_vae(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the convolutional VAE."""

    def loss(p: Params, _: Any, x: Array, noise: Array) -> Outcome:
        z, kl = sample(dense(p, "heads", conv_encode(p, x).reshape(-1, 3136)), noise)
        return vae_terms(conv_decode(p, relu(dense(p, "up", z)).reshape(-1, 7, 7, 64)), x, kl)

    shapes = {"heads": (3136, 2 * LATENT), "up": (LATENT, 3136), "up1": (3, 3, 64, 64)}
    params = weights(CONV_ENCODER | shapes | CONV_DECODER)
    return Loop(x, batch_size, params, loss, latent=LATENT, **CONV_OPTIONS | options)


def make_vq_vae(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the VQ-VAE."""

    def loss(p: Params, book: Any, x: Array, noise: Array) -> Outcome:
        codes = book[0] / book[1][:, None]
        z = dense(p, "code", conv_encode(p, x)).reshape(-1, LATENT)
        flat = lax.stop_gradient(z)
        far = 0.5 * jnp.sum(codes * codes, 1)[:, None] - codes @ flat.T
        places = lax.broadcasted_iota(jnp.int32, far.shape, 0)
        best = jnp.min(jnp.where(far == jnp.min(far, 0), places, CODES), 0)
        hot = (places == best).astype(jnp.float32)
        near = codes[best]
        straight = z + lax.stop_gradient(near - z)
        rec = gaussian(x, conv_decode(p, straight.reshape(-1, 7, 7, LATENT)))
        commit = 0.25 * jnp.sum((z - near) ** 2) / len(x)
        return rec + commit, ((rec + commit, rec, commit), (hot @ flat, jnp.sum(hot, 1), flat))

    def update(book: Any, aux: Any) -> Any:
        sums, counts, key = book
        sums = 0.99 * sums + 0.01 * jnp.sum(aux[0], 0)
        counts = 0.99 * counts + 0.01 * jnp.sum(aux[1], 0)
        key, draw = jax.random.split(key)
        vectors, mean = aux[2].reshape(-1, LATENT), jnp.mean(counts)
        fresh = vectors[jax.random.randint(draw, (CODES,), 0, len(vectors))]
        dead = counts < 0.1 * mean
        sums = jnp.where(dead[:, None], mean * fresh, sums)
        return sums, jnp.where(dead, mean, counts), key

    rng, key = np.random.default_rng(2), jax.random.key(2, impl="unsafe_rbg")
    book = jnp.asarray(rng.normal(size=(CODES, LATENT)), jnp.float32), jnp.ones(CODES), key
    shapes = {"code": (64, LATENT), "up1": (3, 3, LATENT, 64)}
    params = weights(CONV_ENCODER | shapes | CONV_DECODER)
    return Loop(x, batch_size, params, loss, extra=book, update=update, **CONV_OPTIONS | options)


def make_lstm(x: np.ndarray, batch_size: int, **options: Any) -> Loop:
    """Make the loop of the LSTM autoencoder."""
    units, none = 64, np.zeros((x.shape[1], 0, 0), np.float32)

    def loss(p: Params, _: Any, x: Array, noise: Array) -> Outcome:
        base = jnp.broadcast_to(p["in_b"], (len(x), 4 * units))
        _, last = lstm(base, x.transpose(1, 0, 2), p["in"], p["enc"])
        hs, _ = lstm(dense(p, "up", dense(p, "code", last)), none, p["in"], p["dec"])
        value = gaussian(x[..., 0], dense(p, "out", hs)[..., 0].T)
        return value, ((value,), ())

    shapes = {"in": (1, 4 * units), "enc": (units, 4 * units), "code": (units, LATENT)}
    shapes |= {"up": (LATENT, 4 * units), "dec": (units, 4 * units), "out": (units, 1)}
    params = weights(shapes)
    for cell, recurrent in (("in_b", "enc_b"), ("up_b", "dec_b")):
        params[cell] = params.pop(recurrent).at[units : 2 * units].set(1.0)
    return Loop(x, batch_size, params, loss, **{"halves": True} | options)


ROWS: dict[str, Callable[[np.ndarray, int], Loop]] = {
    "table": make_table,
    "linear": make_linear,
    "mlp_vae": make_mlp_vae,
    "conv_vae": make_conv_vae,
    "vq_vae": make_vq_vae,
    "lstm": make_lstm,
}
