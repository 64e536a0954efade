"""What is counted: one line of CloudWatch's embedded metric format each, which the log turns into a metric.

Dimensions are few and their values are words of ours, never ids: each combination is a metric that is paid for. Ids stand
in the structured logs.
"""

import os

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit


def emit_metric(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count, **dimensions: str) -> None:
    """`emit_metric("SyncsEnded", outcome="failed")`. The alarms and the dashboard of `infra/template.json` read these names."""
    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "OneRoster")
    service = {"service": os.environ.get("POWERTOOLS_SERVICE_NAME", "oneroster")}
    with single_metric(name=name, unit=unit, value=value, namespace=namespace, default_dimensions=service) as metric:
        for dimension, dimension_value in dimensions.items():
            metric.add_dimension(dimension, dimension_value)
