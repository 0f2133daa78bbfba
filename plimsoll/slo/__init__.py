"""From a flow's budget to objectives, to alerts that can fire and do not cry wolf, and to what they would do.

Pure and exact: no Pulumi, no Google, no file but the dated data beside it. `compile.compile_flow` is the
way in; `simulation.play` plays an outage; `lint.lint` judges anyone's SLOs and alert policies.
"""
