// The flux CLI, which is built in a copy of its own module, from its own go.mod and go.sum: this
// one pins the module itself.
module flux

go 1.26.0

require github.com/fluxcd/flux2/v2 v2.9.5
