"""YAML of batch deployments: each of the shapes that the SDK has is read as that shape."""

from __future__ import annotations

import pytest

from jupyter_aml.commands.actions import loading
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args


@pytest.mark.parametrize(
    ("shape", "made"),
    [
        ("type: model\nmodel: azureml:m:1\ncompute: c\nsettings: {mini_batch_size: 3}", "ModelBatchDeployment"),
        ("model: azureml:m:1\ncompute: c\nsettings: {mini_batch_size: 3}", "ModelBatchDeployment"),
        ("type: pipeline\ncomponent: azureml:c:1", "PipelineComponentBatchDeployment"),
    ],
)
def test_each_shape_of_a_batch_deployment_is_read(shape: str, made: str) -> None:
    body = f"name: trees\nendpoint_name: nightly\n{shape}"

    entity = loading.load("batch-deployment", Context(), Args(body=body))

    assert type(entity).__name__ == made
