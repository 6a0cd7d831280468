"""AutoML steps of every task through the unmodified SDK: each asks for what the job by itself does, and is taken in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, automl, dsl
from azure.ai.ml.automl import ColumnTransformer, SearchSpace
from azure.ai.ml.sweep import BanditPolicy, Choice, QUniform, Uniform

from jupyter_aml.local.jobs.pipelines import automl as step
from jupyter_aml.local.jobs.pipelines import graph, steps

from . import lab as labs

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints


@pytest.fixture
def lab(installation: Path, home: Path, real_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[labs.Lab]:
    """The module's workspace with its host; its jobs go the same way through either door."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from labs.by_process(installation)


def of_classification(table: Any) -> Any:
    node = automl.classification(
        training_data=table, validation_data=table, test_data=table, target_column_name="y", positive_label="1",
        primary_metric="AUC_weighted",
    )  # fmt: skip
    node.set_limits(timeout_minutes=5, trial_timeout_minutes=3, max_trials=3, exit_score=0.9, max_cores_per_trial=-1)
    node.set_training(
        allowed_training_algorithms=["LogisticRegression", "LightGBM", "XGBoostClassifier", "KNN", "SVM"],
        blocked_training_algorithms=["LinearSVM"], ensemble_model_download_timeout=30, training_mode="NonDistributed",
        enable_onnx_compatible_models=False,
    )  # fmt: skip
    node.set_featurization(
        mode="custom", blocked_transformers=["TfIdf", "OneHotEncoder"], column_name_and_types={"col_X": "Categorical"},
        transformer_params={"imputer": [ColumnTransformer(fields=["a"], parameters={"strategy": "median"})]},
        dataset_language="eng",
    )  # fmt: skip
    return node


def of_regression(table: Any) -> Any:
    node = automl.regression(
        training_data=table, target_column_name="y", n_cross_validations="auto", primary_metric="r2_score",
        weight_column_name="w",
    )  # fmt: skip
    node.set_limits(timeout_minutes=10, enable_early_termination=False)
    node.set_featurization(mode="off")
    return node


def of_forecasting(table: Any) -> Any:
    node = automl.forecasting(
        training_data=table, target_column_name="y", n_cross_validations=3, primary_metric="r2_score",
        validation_data_size=0.2,
    )  # fmt: skip
    node.set_forecast_settings(
        time_column_name="day", forecast_horizon=7, time_series_id_column_names=["shop", "kind"], target_lags=[1, 2],
        target_rolling_window_size="auto", frequency="D", use_stl="SeasonTrend", short_series_handling_config="auto",
        cv_step_size=2, seasonality="auto", feature_lags="auto", features_unknown_at_forecast_time=["a"],
        target_aggregate_function="sum",
    )  # fmt: skip
    node.set_training(allowed_training_algorithms=["Naive", "AutoArima", "XGBoostRegressor"])
    return node


def of_one_series(table: Any) -> Any:
    node = automl.forecasting(training_data=table, target_column_name="y", n_cross_validations="auto")
    node.set_forecast_settings(
        time_column_name="day", forecast_horizon="auto", target_lags="auto", target_rolling_window_size=4,
        seasonality=7, time_series_id_column_names="shop",
    )  # fmt: skip
    return node


def of_texts(table: Any) -> Any:
    node = automl.text_classification(training_data=table, validation_data=table, target_column_name="y")
    node.set_limits(timeout_minutes=10, max_trials=2, max_concurrent_trials=2)
    node.set_training_parameters(learning_rate=0.001, learning_rate_scheduler="cosine_with_restarts")
    node.extend_search_space(
        SearchSpace(
            model_name=Choice(["bert-base-cased", "roberta-base"]), learning_rate=Uniform(5e-6, 5e-5),
            number_of_epochs=Choice([3, 4]), weight_decay=0.01, warmup_ratio=QUniform(0.1, 0.3, 0.1),
        )
    )  # fmt: skip
    node.set_featurization(dataset_language="eng")
    return node


def of_labelled_texts(table: Any) -> Any:
    return automl.text_classification_multilabel(training_data=table, validation_data=table, target_column_name="y")


def of_entities(table: Any) -> Any:
    return automl.text_ner(training_data=table, validation_data=table)


def of_images(table: Any) -> Any:
    node = automl.image_classification(training_data=table, validation_data=table, target_column_name="label")
    node.set_sweep(sampling_algorithm="Random", early_termination=BanditPolicy(slack_factor=0.2, delay_evaluation=6))
    return node


def of_labelled_images(table: Any) -> Any:
    return automl.image_classification_multilabel(
        training_data=table, validation_data=table, target_column_name="label"
    )


def of_boxes(table: Any) -> Any:
    node = automl.image_object_detection(training_data=table, validation_data=table, target_column_name="label")
    node.set_limits(timeout_minutes=50, max_trials=2, max_concurrent_trials=2)
    node.set_training_parameters(
        evaluation_frequency=1, optimizer="adamw", learning_rate_scheduler="warmup_cosine", model_size="extra_large",
        validation_metric_type="coco_voc",
    )  # fmt: skip
    node.extend_search_space(
        [SearchSpace(learning_rate=Uniform(0.0001, 0.01), warmup_cosine_lr_warmup_epochs=Choice([0, 3]))]
    )
    return node


def of_logged_boxes(table: Any) -> Any:
    node = automl.image_object_detection(training_data=table, target_column_name="label")
    node.set_training_parameters(log_training_metrics="enable")
    return node


def of_outlines(table: Any) -> Any:
    return automl.image_instance_segmentation(training_data=table, validation_data=table, target_column_name="label")


TASKS = [
    of_classification, of_regression, of_forecasting, of_one_series, of_texts, of_labelled_texts, of_entities,
    of_images, of_labelled_images, of_boxes, of_outlines,
]  # fmt: skip


def same(value: Any) -> Any:
    """Details without what says nothing, and words in one case."""
    if isinstance(value, dict):
        kept = {key: same(one) for key, one in value.items() if key not in {"sweepConcurrentTrials", "sweepTrials"}}
        return {key: one for key, one in kept.items() if one not in (None, {}, [])}
    if isinstance(value, list):
        return [same(one) for one in value]
    return value.lower() if isinstance(value, str) else value


@pytest.mark.parametrize("make", [*TASKS, of_logged_boxes])  # which the SDK sends, but cannot read when it is told
def test_a_step_asks_for_what_the_job_by_itself_does(make: Callable[[Any], Any]) -> None:
    alone = make(Input(type="mltable", path="azureml:rows:1"))
    body = json.loads(json.dumps(alone._to_dict(inside_pipeline=True)))
    table = repr({"type": "mltable", "path": "azureml:rows:1"})
    body |= {name: table for name in step.TABLES if name in body}
    node = graph.Node("train", step.KIND, body, step.declared("train", body))

    made = steps.job_of(node, steps.Wiring({}, lambda _: {}))

    assert made["jobType"] == "AutoML"
    asked = alone._to_rest_object().as_dict()["properties"]["taskDetails"]
    assert same(made["taskDetails"]) == same(asked)


@pytest.mark.parametrize("make", TASKS)
def test_a_step_of_every_task_is_taken_in(make: Callable[[Any], Any], lab: labs.Lab, folder: Path) -> None:
    @dsl.pipeline(default_compute="serverless", experiment_name="every")
    def every(table):
        train = make(table)
        train.outputs = {}

    (folder / "rows").mkdir()
    (folder / "rows" / "MLTable").write_text("paths:\n- file: ./rows.csv\n")
    job = lab.client.jobs.create_or_update(every(table=Input(type="mltable", path=str(folder / "rows"))))
    lab.client.jobs.begin_cancel(job.name).wait()

    assert lab.client.jobs.get(job.name).jobs["train"].type == "automl"
    lab.end(job.name)
