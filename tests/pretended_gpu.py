"""A GPU that is not there: Keras believes in it, and compiling with XLA, as it would there, is an error."""

# What a notebook's cell needs, with this folder on Python's path; the cell has imported TensorFlow.
IN_A_CELL = "\nimport pretended_gpu\n\npretended_gpu.pretend()"


class CompiledByXLA(AssertionError):
    """On a GPU, this function would have been compiled: minutes in place of seconds."""


def pretend(put=setattr) -> None:
    """List a GPU, and refuse what Keras then compiles; `put` may be a `MonkeyPatch.setattr`."""
    import tensorflow as tf

    listed, function = tf.config.list_physical_devices, tf.function

    def with_a_gpu(kind=None):
        gpu = [tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")]
        return [*listed(kind), *(gpu if kind in (None, "GPU") else [])]

    def without_compiling(*arguments, jit_compile=None, **settings):
        if not jit_compile:
            return function(*arguments, **settings)
        return refuse if arguments else lambda function: refuse  # called, or a decorator with settings

    def refuse(*_, **__):
        raise CompiledByXLA

    put(tf.config, "list_physical_devices", with_a_gpu)
    put(tf, "function", without_compiling)
