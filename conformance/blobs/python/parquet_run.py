"""Parquet files that pyarrow writes and reads with its own S3 file system, on the AWS SDK for C++: uploads in parts, ranged reads, lists."""

import os
import urllib.parse
import uuid

import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
from pyarrow.fs import FileSelector, FileType, S3FileSystem

from checks import Checks

address = urllib.parse.urlsplit(os.environ["BOLE_BLOBS_ENDPOINT"])
system = S3FileSystem(
    endpoint_override=address.netloc, scheme="http", access_key=os.environ["BOLE_BLOBS_KEY"], secret_key=os.environ["BOLE_BLOBS_SECRET"],
    allow_bucket_creation=True, allow_bucket_deletion=True,
)  # fmt: skip
BUCKET = f"arrow-{uuid.uuid4().hex[:12]}"
ROWS = 600_000


def tables(checks):
    system.create_dir(BUCKET)
    numbers = pyarrow.array(range(ROWS))
    noise = pyarrow.array([(n * 2_654_435_761) % 4_294_967_296 for n in range(ROWS)])
    table = pyarrow.table({"n": numbers, "noise": noise, "text": pyarrow.compute.cast(noise, pyarrow.string())})
    path = f"{BUCKET}/one file.parquet"
    pyarrow.parquet.write_table(table, path, filesystem=system, row_group_size=100_000)
    info = system.get_file_info(path)
    checks.true("more than one part", info.type == FileType.File and info.size > 10 << 20, info)
    checks.true("the table comes back", pyarrow.parquet.read_table(path, filesystem=system).equals(table))
    file = pyarrow.parquet.ParquetFile(path, filesystem=system)
    checks.equal("row groups", file.num_row_groups, 6)
    column = file.read_row_group(3, columns=["n"])["n"]
    checks.equal("one column of one group, by ranges", (column[0].as_py(), len(column)), (300_000, 100_000))
    some = pyarrow.parquet.read_table(path, filesystem=system, columns=["noise"], filters=[("n", ">=", ROWS - 10)])
    checks.equal("filtered", some["noise"].to_pylist(), noise[-10:].to_pylist())


def datasets(checks):
    table = pyarrow.table({"year": [2024, 2024, 2025], "value": [1, 2, 3]})
    pyarrow.dataset.write_dataset(table, f"{BUCKET}/set", format="parquet", filesystem=system, partitioning=["year"], partitioning_flavor="hive")
    found = sorted(one.path for one in system.get_file_info(FileSelector(f"{BUCKET}/set", recursive=True)) if one.type == FileType.File)
    checks.equal("a file a partition", [path.split("/")[2] for path in found], ["year=2024", "year=2025"])
    read = pyarrow.dataset.dataset(f"{BUCKET}/set", format="parquet", filesystem=system, partitioning="hive")
    checks.equal("read by partition", read.to_table(filter=pyarrow.compute.field("year") == 2025)["value"].to_pylist(), [3])


def files(checks):
    path = f"{BUCKET}/folder/a b+ü"
    with system.open_output_stream(path, metadata={"Content-Type": "text/plain"}) as stream:
        stream.write(b"0123456789")
    with system.open_input_file(path) as file:
        checks.equal("size", file.size(), 10)
        file.seek(3)
        checks.equal("from a place", file.read(4), b"3456")
    system.copy_file(path, f"{BUCKET}/folder/copy")
    system.move(f"{BUCKET}/folder/copy", f"{BUCKET}/folder/moved")
    names = sorted(one.base_name for one in system.get_file_info(FileSelector(f"{BUCKET}/folder")))
    checks.equal("listed", names, ["a b+ü", "moved"])
    system.create_dir(f"{BUCKET}/empty/below", recursive=True)
    checks.equal("a folder", system.get_file_info(f"{BUCKET}/empty/below").type, FileType.Directory)
    system.delete_dir(f"{BUCKET}/folder")
    checks.equal("deleted", system.get_file_info(path).type, FileType.NotFound)
    checks.raises("no file", FileNotFoundError, "", lambda: system.open_input_file(f"{BUCKET}/none"))
    system.delete_dir(BUCKET)
    checks.equal("the bucket is gone", system.get_file_info(BUCKET).type, FileType.NotFound)


def main():
    checks = Checks()
    for family in (tables, datasets, files):
        checks.family(family)
    checks.finish()


main()
