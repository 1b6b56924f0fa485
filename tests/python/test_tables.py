"""What `umlaut_seg.runs`, `epochs` and `images` make of a directory of results. Oracle: the files written here, in the form of umlaut's."""

import tempfile
import unittest
from pathlib import Path

import umlaut_seg

try:
    import pandas
except ImportError:
    pandas = None

PLAN = "run,seed,status\nlr-1e-3_seed-1-aaaaaaaaaa,1,finished\nseed-2-bbbbbbbbbb,2,running\nseed-3-cccccccccc,3,new\n"
SUMMARY = (
    "run,group,lr,seed,status,epochs,best_epoch,val_dice,cause\n"
    "seed-1-aaaaaaaaaa,all,0.001,1,finished,2,2,0.75,\n"
    "seed-2-bbbbbbbbbb,'-x,0.001,2,running,1,,,\n"
)


def experiment(place):
    """An experiment of three runs: one finished, one that is at its second epoch, one that has not begun; and one of an earlier plan."""
    finished, running = (place / "runs" / name for name in ("seed-1-aaaaaaaaaa", "seed-2-bbbbbbbbbb"))
    for run in (finished, running, place / "runs" / "seed-9-dddddddddd", place / "runs" / ".deleting-seed-2-bbbbbbbbbb"):
        run.mkdir(parents=True)
        (run / "metrics.csv").write_text("epoch,lr,val_dice\n9,0.1,0.1\n")
    (place / "plan.csv").write_text(PLAN)
    (place / "summary.csv").write_text(SUMMARY)
    (finished / "metrics.csv").write_text("epoch,lr,val_dice\n1,0.001,0.5\n2,0.0001,0.75\n")
    (running / "metrics.csv").write_text("epoch,lr,val_dice\n1,0.001,NaN\n2,0.0")
    (finished / "per_image.csv").write_text("part,image,class,dice\nval,06,disc,0.5\ntest,NA,cup,NaN\ntest,'=x,cup,1\n")


@unittest.skipIf(pandas is None, "no pandas here")
class Tables(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = Path(directory.name)
        experiment(self.place)

    def test_runs_are_those_of_the_summary(self):
        table = umlaut_seg.runs(self.place)
        self.assertEqual(list(table.columns), SUMMARY.splitlines()[0].split(","))
        self.assertEqual(list(table["val_dice"].fillna(-1)), [0.75, -1])
        self.assertEqual(list(table["group"]), ["all", "-x"], "a name that looks like a formula is given back as it was")
        self.assertEqual(list(table["cause"]), ["", ""])

    def test_epochs_are_whole_rows_of_planned_runs(self):
        table = umlaut_seg.epochs(str(self.place))
        self.assertEqual(list(table["run"]), ["seed-1-aaaaaaaaaa"] * 2 + ["seed-2-bbbbbbbbbb"], "by the hash, in the plan's order")
        self.assertEqual(list(table["epoch"]), [1, 2, 1], "without the row that was only begun")
        self.assertTrue(pandas.isna(table["val_dice"][2]))
        merged = table.merge(umlaut_seg.runs(self.place), on="run", suffixes=("", "_best"))
        self.assertEqual(len(merged), 3)

    def test_images_keep_their_names(self):
        table = umlaut_seg.images(self.place)
        self.assertEqual(list(table["image"]), ["06", "NA", "=x"])
        self.assertEqual(list(table["dice"].fillna(-1)), [0.5, -1, 1])
        self.assertEqual(table["dice"].dtype, float)

    def test_of_nothing_there_is_an_empty_table(self):
        (self.place / "plan.csv").write_text("run,seed,status\n")
        self.assertEqual(len(umlaut_seg.images(self.place)), 0)

    def test_another_directory_is_reported_with_the_remedy(self):
        with self.assertRaisesRegex(FileNotFoundError, "summary.csv: no such file; name the directory of an experiment"):
            umlaut_seg.runs(self.place / "runs")


class Imports(unittest.TestCase):
    def test_the_package_needs_no_pandas(self):
        import subprocess
        import sys

        code = "import sys; sys.modules['pandas'] = None; import umlaut_seg; print(umlaut_seg.__all__)"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said, "['epochs', 'images', 'runs']\n")


if __name__ == "__main__":
    unittest.main()
