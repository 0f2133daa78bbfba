"""Inputs as Args classes, one made of outputs."""

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp import monitoring, sql

database = sql.DatabaseInstance(
    "database",
    sql.DatabaseInstanceArgs(
        database_version="POSTGRES_17",
        region="europe-west1",
        settings=sql.DatabaseInstanceSettingsArgs(
            tier="db-custom-1-3840",
            database_flags=[
                sql.DatabaseInstanceSettingsDatabaseFlagArgs(name="max_connections", value="100")
            ],
            ip_configuration=sql.DatabaseInstanceSettingsIpConfigurationArgs(ipv4_enabled=False),
        ),
    ),
)
monitoring.AlertPolicy(
    "full",
    combiner="OR",
    display_name=pulumi.Output.format("{0} is full", database.name),
    conditions=[
        monitoring.AlertPolicyConditionArgs(
            display_name="disk",
            condition_threshold=monitoring.AlertPolicyConditionConditionThresholdArgs(
                comparison="COMPARISON_GT",
                duration="60s",
                threshold_value=0.9,
                filter=database.connection_name.apply(lambda name: f'resource.database_id="{name}"'),
            ),
        )
    ],
)
