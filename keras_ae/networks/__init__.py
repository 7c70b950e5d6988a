"""Networks by name: encoders x -> h and decoders z -> likelihood parameters, of any shape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_ae.naming import nearest
from keras_ae.networks import blocks, conv, mlp, recurrent, resnet, spectral, stages
from keras_ae.networks.joining import joined, joined_shape
from keras_ae.parts import (
    check_activation,
    check_options,
    checked_claim,
    checked_size,
    checked_sizes,
)
from keras_ae.typing import Shape

ENCODERS: dict[str, Callable[..., keras.Model]] = {
    "blocks": blocks.encoder,
    "conv": conv.encoder,
    "mlp": mlp.encoder,
    "recurrent": recurrent.encoder,
    "resnet": resnet.encoder,
}
DECODERS: dict[str, Callable[..., keras.Model]] = {
    "blocks": blocks.decoder,
    "conv": conv.decoder,
    "mlp": mlp.decoder,
    "recurrent": recurrent.decoder,
    "resnet": resnet.decoder,
}


def encoder(
    identifier: Any,
    input_shape: Shape,
    hidden: Sequence[int] | None = None,
    *,
    condition_size: int = 0,
    **options: Any,
) -> keras.Model:
    """Return the network x -> h, or (x, c) -> h.

    Args:
        identifier: A name, `{"name": ..., **options}`, or a Keras layer or model of one's own; one
            of two inputs is given a condition as the second.
        input_shape: Shape of one example.
        hidden: Sizes of the stages from the input on; the network's default when None.
        condition_size: Length of a condition's vector, which is appended to the last axis of the
            example (for "mlp" of the flattened one); 0 where there is none.
        **options: Further options of the named network; `spectral=True` for any of them divides
            the weights of each dense and convolutional layer by their largest singular value.

    Raises:
        ValueError: The name or an option is unknown, or the network cannot take this shape.
    """
    if isinstance(identifier, keras.layers.Layer):
        return _wrapped(identifier, "encoder", input_shape, condition_size)
    name = identifier.get("name") if isinstance(identifier, Mapping) else identifier
    shape = joined_shape(input_shape, condition_size, flat=name == "mlp")
    return _named(identifier, ENCODERS, (shape,), hidden, options)


def decoder(
    identifier: Any,
    latent_shape: Shape,
    output_shape: Shape,
    hidden: Sequence[int] | None = None,
    *,
    condition_size: int = 0,
    **options: Any,
) -> keras.Model:
    """Return the network z -> decoded, or (z, c) -> decoded, whose last layer is linear.

    Args:
        identifier: A name, `{"name": ..., **options}`, or a Keras layer or model of one's own; one
            of two inputs is given a condition as the second.
        latent_shape: Shape of one code: a vector, a map with channels, or (tokens, code_dim).
        output_shape: Shape of one decoded example, all of the likelihood's parameters included.
        hidden: Sizes of the *encoder's* stages; the decoder goes through them backwards.
        condition_size: Length of a condition's vector, which is appended to the code's last axis;
            0 where there is none.
        **options: Further options of the named network, `spectral` as in `encoder`.

    Raises:
        ValueError: The name or an option is unknown, or the shapes do not fit.
    """
    if isinstance(identifier, keras.layers.Layer):
        network = _wrapped(identifier, "decoder", latent_shape, condition_size)
        decoded = tuple(network.output_shape[1:])
        if decoded != tuple(output_shape):
            raise ValueError(
                f"a decoder must give the shape {tuple(output_shape)} of one decoded example. "
                f"Received: a decoder that gives {decoded}. End it with a layer of that shape."
            )
        return network
    shape = joined_shape(latent_shape, condition_size)
    return _named(identifier, DECODERS, (shape, output_shape), hidden, options)


def takes_mask(network: Any, input_shape: Shape) -> bool:
    """Return whether a network of sequences has a layer whose call takes a mask over steps."""
    if len(input_shape) != 2:
        return False
    return any(
        "mask" in inspect.signature(layer.call).parameters
        for layer in network._flatten_layers()
        if not getattr(layer, "layers", None)  # a container only hands it on
    )


def takes_gaps(network: Any) -> bool:
    """Return whether a network has a layer that looks at which entries are observed."""
    return any(getattr(layer, "takes_gaps", False) for layer in network._flatten_layers())


def _named(
    identifier: Any,
    functions: Mapping[str, Callable[..., keras.Model]],
    shapes: tuple[Shape, ...],
    hidden: Sequence[int] | None,
    options: Mapping[str, Any],
) -> keras.Model:
    chosen = dict(identifier) if isinstance(identifier, Mapping) else {"name": identifier}
    name = chosen.pop("name", None)
    if name not in functions:
        raise ValueError(
            f"a network must be one of {sorted(functions)}, or a Keras layer. "
            f"Received: {name!r}. {nearest(name, functions)}"
        )
    chosen = {**chosen, **options}
    is_spectral = checked_claim("spectral", chosen.pop("spectral", False))
    if hidden is not None:
        chosen.setdefault("hidden", hidden)
    if "hidden" in chosen:
        chosen["hidden"] = checked_sizes("hidden", chosen["hidden"])
    # Encoder and decoder of a name share one set of options; each ignores the other's.
    for key in [k for k in chosen if k not in _accepted(functions[name])]:
        if any(key in _accepted(table[name]) for table in (ENCODERS, DECODERS)):
            chosen.pop(key)
    check_options(f"network {name!r}", functions[name], chosen)
    for key in ("kernel_size", "blocks_per_stage"):
        if key in chosen:
            checked_size(key, chosen[key])
    if name not in ("blocks", "conv") or chosen.get("activation") != stages.GDN_NAME:
        check_activation(chosen.get("activation"))
    network = functions[name](*(tuple(shape) for shape in shapes), **chosen)
    return spectral.normalized(network) if is_spectral else network


def _accepted(function: Callable[..., Any]) -> tuple[str, ...]:
    return function.__code__.co_varnames[
        : function.__code__.co_argcount + function.__code__.co_kwonlyargcount
    ]


def _wrapped(layer: Any, role: str, input_shape: Shape, condition_size: int) -> keras.Model:
    """Return a user's layer as a functional model, which knows its output shape."""
    if len(getattr(layer, "inputs", None) or ()) > 1:
        wanted = [tuple(given.shape[1:]) for given in layer.inputs]
        given = [tuple(input_shape), (condition_size,)]
        if wanted != given:
            raise ValueError(
                f"this {role} of two inputs must take the shapes {given} of "
                f"{'an example' if role == 'encoder' else 'a code'} and of a condition's vector. "
                f"Received: one that takes {wanted}. A condition is the model's `condition=`."
            )
        return _of_sequences(layer, layer.inputs, layer.outputs)
    input_shape = joined_shape(tuple(input_shape), condition_size)
    if isinstance(layer, keras.Sequential) and not layer.built:
        try:
            layer.build((None, *input_shape))
        except (ValueError, TypeError) as error:
            raise _refusal(layer, role, input_shape, error) from error
    if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
        taken = tuple(layer.inputs[0].shape[1:])
        if taken != tuple(input_shape):
            hint = " A condition is appended to the last axis." if condition_size else ""
            raise ValueError(
                f"this {role} must take the shape {tuple(input_shape)}. "
                f"Received: one that takes {taken}.{hint}"
            )
        return _of_sequences(layer, layer.inputs, layer.outputs)
    inputs = keras.Input(tuple(input_shape), name=f"{role}_input")
    try:
        outputs = layer(inputs)
    except (ValueError, TypeError) as error:
        raise _refusal(layer, role, input_shape, error) from error
    return _of_sequences(keras.Model(inputs, outputs, name=role), inputs, outputs)


def _refusal(layer: Any, role: str, input_shape: Shape, error: Exception) -> ValueError:
    return ValueError(
        f"this {role} must take the shape {tuple(input_shape)}. Received: "
        f"{type(layer).__name__}, which refuses it: {str(error).splitlines()[0]}"
    )


def _of_sequences(network: keras.Model, inputs: Any, outputs: Any) -> keras.Model:
    """Return a network as one that may be given a mask, where it reads sequences."""
    if not takes_mask(network, tuple(network.inputs[0].shape[1:])):
        return network
    return recurrent.SequenceEncoder(inputs, outputs, name=network.name)


__all__ = ["DECODERS", "ENCODERS", "decoder", "encoder", "joined", "takes_gaps", "takes_mask"]
