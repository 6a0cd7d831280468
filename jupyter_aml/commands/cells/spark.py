"""`%%aml spark`: the body is a script with a Spark session that runs as a job."""

from __future__ import annotations

from jupyter_aml.commands.actions import cell_flags as shared
from jupyter_aml.commands.actions import cell_sparks, flags
from jupyter_aml.commands.grammar import Flag, Positional, Verb

EXAMPLE = """%%aml spark wrangle --input data=iris@latest --result rows=uri_folder
spark.read.csv(data, header=True).groupBy("target").count().write.parquet(rows)"""
OPTIONS = """%%aml spark wrangle --as yaml
#| conf: {spark.sql.shuffle.partitions: 8}
#| executor-instances: 4
#| executor-memory: 4g
print(spark.range(10).count())"""

CELL = Verb(
    "spark",
    "Run the body as a Spark job; its session is `spark`, inputs and results are its variables.",
    cell_sparks.spark,
    flags=(
        shared.INPUT, shared.RESULT, *shared.RUNS,
        Flag("conf", "A setting of Spark.", kind="pair", metavar="NAME=VALUE"),
        Flag("driver-cores", "Cores of the driver; 1 when omitted.", kind="int"),
        Flag("driver-memory", "Its memory, such as 2g."),
        Flag("executor-cores", "Cores of an executor; 2 when omitted.", kind="int"),
        Flag("executor-memory", "Its memory, such as 2g."),
        Flag("executor-instances", "How many executors; 2 when omitted.", kind="int"),
        Flag("py-files", "A module or archive that the script and its executors import.", kind="path",
             repeatable=True, completes="file"),
        Flag("jars", "A jar for the driver and the executors.", kind="path", repeatable=True, completes="file"),
        Flag("files", "A file that SparkFiles.get(NAME) finds.", kind="path", repeatable=True, completes="file"),
        Flag("archives", "An archive that is unpacked for the executors.", kind="path", repeatable=True,
             completes="file"),
        Flag("runtime-version", "Of serverless Spark in Azure; 3.4 when omitted."),
        shared.ENVIRONMENT, *shared.ABOUT, shared.CODE, shared.SIZE, shared.AS, flags.WEB,
    ),
    positionals=(Positional("script", "What the script is called.", metavar="NAME"),),
    examples=(EXAMPLE, OPTIONS),
    cell=True,
    body="python",
)  # fmt: skip
