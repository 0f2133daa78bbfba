"""What the real Pulumi engine attaches to in place of vendors. Serves any program and any package.

`cloud.LocalCloud` starts it; `server` speaks the providers' protocol; `judge` checks inputs and plans
replacements; `outputs` answers what a cloud would; `state` is what exists; `faults` go wrong on demand. Where
a package's real provider is installed (`plugins`, `running`), `proxy` stands in front of it, and `unknowns`
fills what it cannot know.
"""
