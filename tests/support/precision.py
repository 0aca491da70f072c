"""Double precision: Keras's default dtype, and the setting that JAX needs for it."""

import contextlib


def x64():
    """Return JAX's context of double precision, which versions before 0.8 have elsewhere."""
    import jax

    try:
        return jax.enable_x64(True)
    except AttributeError:
        from jax.experimental import enable_x64

        return enable_x64()


@contextlib.contextmanager
def double_precision():
    """Set Keras's default dtype to float64, and JAX to x64."""
    import keras

    with x64() if keras.backend.backend() == "jax" else contextlib.nullcontext():
        keras.config.set_floatx("float64")
        try:
            yield
        finally:
            keras.config.set_floatx("float32")
