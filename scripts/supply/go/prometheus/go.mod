// Prometheus, which is built in a copy of its own module, from its own go.mod and go.sum: this one
// pins the module itself.
module prometheus

go 1.26.0

require github.com/prometheus/prometheus v0.314.0
