//go:build tools

// Package engine pins the Pulumi command that Plimsoll builds where none is installed.
//
// For another version, require it of both github.com/pulumi/pulumi/pkg/v3 and
// github.com/pulumi/pulumi/sdk/v3 (pkg's own go.mod names an older sdk and replaces it,
// which is ignored from outside), run `go mod tidy`, and change ../data/pulumi.json.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
