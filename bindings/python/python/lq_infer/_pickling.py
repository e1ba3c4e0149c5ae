"""How engines and nets are made again in another process, by the arguments that they were made with."""

from ._lq_infer import Engine, Model, Net


def engine(device: str, threads: "int | None", cache: "str | None") -> Engine:
    return Engine(device, threads=threads, cache=cache)


def net(engine: Engine, model: Model, max_batch: int) -> Net:
    return engine.prepare(model, max_batch)
