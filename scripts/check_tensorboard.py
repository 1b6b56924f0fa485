"""Reads event files of `umlaut export tensorboard` with TensorBoard's own reader and compares them with the runs that they are of.

    umlaut export tensorboard results/EXPERIMENT
    python scripts/check_tensorboard.py results/EXPERIMENT [DIR]     # DIR is results/EXPERIMENT/tensorboard where none is named
    python scripts/check_tensorboard.py --golden                     # the bytes in the tests of src/report/tensorboard

Needs `pip install tensorboard`. Checks that every exported run has exactly its tags; steps and values of every scalar (as 32-bit floats);
wall times; the text of run.toml; that pictures are PNGs of the size they say; and the parameters that the hparams plugin shows.
"""

import csv
import math
import pathlib
import struct
import sys
import tomllib
from datetime import datetime

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

PREFIXES = ("train", "val", "test")


def tag(column):
    part, _, rest = column.partition("_")
    return f"{part}/{rest}" if part in PREFIXES else column


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def same(a, b):
    return a == b or math.isnan(a) and math.isnan(b)


def rows(path):
    with open(path, newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def scalars(run):
    """Tag → [(step, value)] that a run's files ask for."""
    wanted = {}
    for row in rows(run / "metrics.csv"):
        for column, value in row.items():
            if column != "epoch":
                wanted.setdefault(tag(column), []).append((int(row["epoch"]), f32(value)))
    outcome = tomllib.loads((run / "outcome.toml").read_text())
    for column, value in outcome.get("best", {}).items():
        if column.startswith("val_"):
            wanted[f"val_best/{column.removeprefix('val_')}"] = [(outcome["best_epoch"], f32(value))]
    for column, value in outcome.get("test", {}).items():
        wanted[f"test/{column.removeprefix('test_')}"] = [(outcome["best_epoch"], f32(value))]
    return wanted


def check(run, events):
    found = EventAccumulator(str(events), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()
    tags, wanted = found.Tags(), scalars(run)
    assert sorted(tags["scalars"]) == sorted(wanted), (tags["scalars"], sorted(wanted))
    for name, points in wanted.items():
        got = [(event.step, event.value) for event in found.Scalars(name)]
        assert len(got) == len(points) and all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(got, points)), (name, got, points)
    provenance = tomllib.loads((run / "provenance.toml").read_text())
    times = [event.wall_time for event in found.Scalars("val/loss")]
    clock = datetime.fromisoformat(provenance["started"]).timestamp() if "started" in provenance else 0.0
    for time, row in zip(times, rows(run / "timing.csv")):
        clock += row["elapsed_s"]
        assert abs(time - clock) < 1e-3, (time, clock)
    text = found.Tensors("configuration")[0].tensor_proto.string_val[0].decode()
    assert (run / "run.toml").read_text().strip() in text
    for name in tags["images"]:
        picture = found.Images(name)[0]
        width, height = struct.unpack(">II", picture.encoded_image_string[16:24])
        assert picture.encoded_image_string[:4] == b"\x89PNG" and (width, height) == (picture.width, picture.height), name
    hparams = found.summary_metadata
    start = metadata.parse_session_start_info_plugin_data(hparams[metadata.SESSION_START_INFO_TAG].plugin_data.content)
    experiment = metadata.parse_experiment_plugin_data(hparams[metadata.EXPERIMENT_TAG].plugin_data.content)
    metadata.parse_session_end_info_plugin_data(hparams[metadata.SESSION_END_INFO_TAG].plugin_data.content)
    place = tomllib.loads((run / "place.toml").read_text())
    assert set(start.hparams) <= set(place) and set(start.hparams) <= {info.name for info in experiment.hparam_infos}
    return len(wanted), sum(map(len, wanted.values())), len(tags["images"])


def golden():
    value = summary_pb2.Summary.Value
    step = event_pb2.Event(wall_time=1_700_000_000.5, step=300)
    step.summary.value.extend([value(tag="val/dice", simple_value=0.75), value(tag="lr", simple_value=1e-3)])
    plugin = lambda name, content=b"": summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=name, content=content)
    )
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    text = tensor_pb2.TensorProto(dtype=7, tensor_shape=shape, string_val=[b"*a*"])
    image = summary_pb2.Summary.Image(height=2, width=300, colorspace=3, encoded_image_string=b"\x89PNG")
    data = plugin_data_pb2.HParamsPluginData
    lr = api_pb2.HParamInfo(name="lr", type=api_pb2.DATA_TYPE_FLOAT64, differs=True)
    lr.domain_discrete.extend([0.5, 0.25])
    channels = api_pb2.HParamInfo(name="model.channels", type=api_pb2.DATA_TYPE_STRING)
    channels.domain_discrete.extend(["8-16"])
    metric = api_pb2.MetricInfo(name=api_pb2.MetricName(tag="val_best/dice"))
    experiment = api_pb2.Experiment(hparam_infos=[lr, channels], metric_infos=[metric])
    start = plugin_data_pb2.SessionStartInfo(group_name="lr 0.25", start_time_secs=2.0)
    start.hparams["lr"].number_value = 0.25
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=4.0)
    of = lambda tag, content: value(
        tag=tag, tensor=metadata.NULL_TENSOR, metadata=plugin(metadata.PLUGIN_NAME, content.SerializeToString())
    )
    return {
        "SCALARS": step,
        "VERSION": event_pb2.Event(wall_time=1_700_000_000.5, file_version="brain.Event:2"),
        "TEXT": value(tag="run.toml", tensor=text, metadata=plugin("text")),
        "IMAGE": value(tag="samples/a", image=image),
        "EXPERIMENT": of(metadata.EXPERIMENT_TAG, data(experiment=experiment)),
        "START": of(metadata.SESSION_START_INFO_TAG, data(session_start_info=start)),
        "END": of(metadata.SESSION_END_INFO_TAG, data(session_end_info=end)),
    }


def main():
    if sys.argv[1:] == ["--golden"]:
        for name, message in golden().items():
            print(name, message.SerializeToString().hex())
        return
    experiment = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else experiment / "tensorboard"
    runs = sorted(path for path in out.iterdir() if path.is_dir())
    assert runs, f"{out} has no runs"
    for events in runs:
        scalars, points, images = check(experiment / "runs" / events.name, events)
        print(f"{events.name}: {scalars} scalars with {points} points, {images} pictures as they should be")


if __name__ == "__main__":
    main()
