"""What a change would do: the plan, its offline source, its reports. Serves any Pulumi Python program."""
