// controller-gen, and the Flux APIs whose object types it makes.
module crds

go 1.26.0

require (
	github.com/fluxcd/image-automation-controller/api v1.2.5
	github.com/fluxcd/image-reflector-controller/api v1.2.5
	github.com/fluxcd/notification-controller/api v1.9.4
	sigs.k8s.io/controller-tools v0.21.0
)
