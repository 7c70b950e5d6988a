"""What every quantizer promises."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, NamedTuple, final

import keras
from keras import ops

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Shape, Tensor


class Codes(NamedTuple):
    """What became of vectors `(batch, ..., code_dim)`.

    Args:
        vectors: What was compared with the codes: the vectors, perhaps bounded or of length one.
        codes: The codes, of the vectors' shape, with the gradient that passes to them.
        indices: The codes' numbers, int32, `(batch, ...)`, or `(batch, ..., levels)`.
        loss: What training minimises beside the model's loss, of each vector, `(batch, ...)`.
        errors: Squared distances from the codes, or after each of several stages that come nearer,
            `(batch, ..., stages)`.
        signal: Squared lengths of what was compared, `(batch, ...)`, where the vectors do not tell.
    """

    vectors: Tensor
    codes: Tensor
    indices: Tensor
    loss: Tensor
    errors: Tensor
    signal: Tensor | None = None


class Quantizer(Bottleneck):
    """Turns each vector of the features into a code of a finite set, which has a number.

    It works alone too, as a layer of any Keras model: called with `(batch, ..., features)` it
    returns a dict of `quantized`, `indices` and `loss`, the last for each example, `(batch,)`: add
    its mean to what is minimised. Features whose last axis is not `code_dim` are projected to it
    first; a flat feature vector is projected to `tokens` vectors.

    `sizes` are the numbers of codes of each level, of which one index each is given; `code_dim` the
    length of a code, `stages` in how many steps a code comes nearer to its vector. `of_batch` says
    whether the loss is a property of the whole batch; `relaxes` whether codes in training are not
    of the set, so that others cannot be built upon.
    """

    reports = ("pre_quantized", "quantized", "indices", "loss", "signal", "errors")
    is_local = True
    of_batch: bool = False
    stages: int = 1
    relaxes: bool = False
    code_dim: int
    sizes: Shape

    def __init__(self, tokens: int = 16) -> None:
        super().__init__()
        self.tokens = checked_size("tokens", tokens)
        self.projection: keras.layers.Dense | None = None
        self.supports_masking = True

    # What a quantizer defines.

    @abstractmethod
    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the codes of vectors.

        Args:
            vectors: `(batch, ..., code_dim)` float32, as `bounded` returns them.
            mask: 1 where a vector is there, 0 where it is padding, `(batch, ...)` float32.
            training: Whether codebooks and noise advance.
            sample: Whether codes are drawn, where the quantizer draws any.
        """

    @abstractmethod
    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of numbers `(batch, *index_shape)`, `(batch, *latent_shape)`.

        Of several levels -1 is a level that was left out, which adds nothing.
        """

    def build_codes(self) -> None:
        """Make the codes' weights; none by default."""

    @property
    def starts(self) -> bool:
        """Whether it starts from data."""
        return type(self).start is not Quantizer.start

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start from vectors `(n, ..., code_dim)`, where there is something to start."""

    def bounded(self, vectors: Tensor) -> Tensor:
        """Return vectors in the range that the codes span; as they are by default."""
        return vectors

    def scale_of_level(self, level: int) -> float:
        """Return how much smaller the codes of a level of residuals are; 1 if they learn it."""
        return 1.0

    # What all share.

    @property
    def num_codes(self) -> int | Shape:
        """The number of codes; of several levels that of each."""
        return self.sizes[0] if len(self.sizes) == 1 else self.sizes

    @property
    def index_shape(self) -> Shape:
        """Shape of one example's indices."""
        places = self.latent_shape[:-1]
        return places if len(self.sizes) == 1 else (*places, len(self.sizes))

    @final
    def build(self, h_shape: Any) -> None:
        """Make the codes, and a projection where the features need one."""
        is_vector = len(h_shape) == 2
        places = (self.tokens,) if is_vector else tuple(h_shape[1:-1])
        self.latent_shape = (*places, self.code_dim)
        width = self.width_of_vectors
        if is_vector or h_shape[-1] != width:
            width = self.tokens * width if is_vector else width
            self.projection = keras.layers.Dense(width, name="to_code", dtype="float32")
            self.projection.build(h_shape)
        self.build_codes()
        self.built = True

    @property
    def width_of_vectors(self) -> int:
        """Length of what is quantized: that of a code, if it is compared with codes."""
        return self.code_dim

    @final
    def call(
        self,
        h: Tensor,
        training: bool = False,
        sample: bool = False,
        mask: Tensor | None = None,
    ) -> Outputs:
        """Return codes, their numbers, and what they cost.

        In training a codebook that follows its data moves after the batch was quantized: the codes
        are those from before the move.

        Args:
            h: Features `(batch, ..., features)`.
            training: Whether codebooks and noise advance.
            sample: Whether codes are drawn, where the quantizer draws any.
            mask: Which vectors are there, `(batch, ...)`; padding has the code 0, the index -1, no
                loss, and moves nothing.

        Returns:
            `latent` and `quantized`, the codes `(batch, *latent_shape)`; `indices`, int32
            `(batch, *index_shape)`; `pre_quantized`, what was compared with the codes; and of each
            example `loss` and `signal`, the squared length of that, `(batch,)`, and `errors`, its
            squared distances from the codes after each stage, `(batch, stages)`.
        """
        vectors = self.bounded(self.project(h))
        if mask is not None:
            mask = ops.cast(mask, "float32")
        found = self.codes_of(vectors, mask, training, sample)
        codes, indices, errors = found.codes, found.indices, found.errors
        if mask is not None:
            codes = ops.where(expand_mask(mask, codes) > 0, codes, 0.0)
            indices = ops.where(expand_mask(mask, indices) > 0, indices, -1)
            errors = ops.where(mask[..., None] > 0, errors, 0.0)
        return {
            "latent": codes,
            "quantized": codes,
            "pre_quantized": found.vectors,
            "indices": indices,
            "loss": sum_event(found.loss, mask),
            "signal": sum_event(_signal(found), mask),
            "errors": ops.sum(errors, axis=tuple(range(1, len(errors.shape) - 1))),
        }

    def compute_mask(self, h: Any, previous_mask: Any = None) -> None:
        """Return None: the indices say which vectors are there."""

    @final
    def encode_indices(self, h: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the codes' numbers, int32 `(batch, *index_shape)`."""
        return self(h, mask=mask)["indices"]

    @final
    def decode_indices(self, indices: Tensor) -> Tensor:
        """Return the codes of numbers, `(batch, *latent_shape)`; the same as `lookup`."""
        return self.lookup(indices)

    def project(self, h: Tensor) -> Tensor:
        """Return features as vectors to quantize, `(batch, ..., code_dim)`, float32."""
        h = ops.cast(h, "float32")
        is_vector = len(h.shape) == 2
        if self.projection is not None:
            h = self.projection(h)
        return ops.reshape(h, (-1, self.tokens, self.width_of_vectors)) if is_vector else h

    @final
    def adapt(self, vectors: Any, seed: int = 0) -> None:
        """Start the codes from vectors `(..., code_dim)`, where there is something to start."""
        vectors = ops.convert_to_tensor(vectors, dtype="float32")
        if not self.built:
            self.build((None, 1, self.width_of_vectors))
        self.start(self.bounded(vectors), seed)


def of_example(value: Tensor, places: Tensor) -> Tensor:
    """Return a number of each example, `(batch,)`, evenly spread over its places `(batch, ...)`."""
    count = math.prod(places.shape[1:])
    return ops.reshape(value, (-1, *(1,) * (len(places.shape) - 1))) / count + ops.zeros_like(
        places
    )


def _signal(found: Codes) -> Tensor:
    signal = ops.sum(ops.square(found.vectors), axis=-1) if found.signal is None else found.signal
    return ops.stop_gradient(signal)


def of_numbers(codes: Tensor, indices: Tensor) -> Tensor:
    """Return codes `(..., code_dim)`, 0 where the index `(...)` is -1: there is none."""
    return ops.where(indices[..., None] >= 0, codes, 0.0)


def taken(codebook: Tensor, indices: Tensor) -> Tensor:
    """Return the rows of a codebook of these indices, 0 for -1, `(..., code_dim)`."""
    rows = ops.take(ops.convert_to_tensor(codebook), ops.maximum(indices, 0), axis=0)
    return of_numbers(rows, indices)


def levels_used(noise: Draws, vectors: Tensor, levels: int, dropout: float) -> Tensor:
    """Return how many levels each vector uses in training, one number an example, `(batch, ...)`.

    Args:
        noise: Draws which examples use few, and how many.
        vectors: `(batch, ..., code_dim)`.
        levels: How many there are.
        dropout: Share of the examples that use few, from 1 on, all as likely.
    """
    shape = (ops.shape(vectors)[0], *(1,) * (len(vectors.shape) - 2))
    few = noise.integers(shape, levels, training=True) + 1
    drops = noise.uniform(shape, training=True) < dropout
    zeros = ops.cast(ops.zeros_like(vectors[..., 0]), "int32")
    return ops.where(drops, few, levels) + zeros


def copies(base: Any, number: int) -> list[Quantizer]:
    """Return so many quantizers of the kind of one, with weights of their own.

    Raises:
        TypeError: `base` is no quantizer.
    """
    if not isinstance(base, Quantizer):
        raise TypeError(f"`base` must be a quantizer. Received: base={base!r}")
    return [type(base).from_config(base.get_config()) for _ in range(number)]


def straight_through(vectors: Tensor, codes: Tensor) -> Tensor:
    """Return the codes, to the last bit, with the gradient of the vectors.

    Reference: Bengio et al. (2013), https://arxiv.org/abs/1308.3432, section 2.3.
    """
    return ops.stop_gradient(codes) + (vectors - ops.stop_gradient(vectors))


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return |a - b|^2 over the last axis."""
    return ops.sum(ops.square(a - b), axis=-1)
