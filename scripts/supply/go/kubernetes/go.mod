// Direct requirements; `go build -mod=mod` adds the indirect ones and go.sum.
module kubernetes

go 1.26.0

require (
	github.com/containerd/containerd/v2 v2.2.9
	github.com/coredns/coredns v1.14.7
	github.com/fluxcd/kustomize-controller v1.9.5
	github.com/fluxcd/source-controller v1.9.5
	github.com/fluxcd/source-controller/api v1.9.5
	github.com/rancher/local-path-provisioner v0.0.30
	k8s.io/api v0.36.4
	k8s.io/apiextensions-apiserver v0.36.4
	k8s.io/apimachinery v0.36.4
	k8s.io/apiserver v0.36.4
	k8s.io/cli-runtime v0.36.4
	k8s.io/client-go v0.36.4
	k8s.io/cloud-provider v0.36.4
	k8s.io/cluster-bootstrap v0.36.4
	k8s.io/code-generator v0.36.4
	k8s.io/component-base v0.36.4
	k8s.io/component-helpers v0.36.4
	k8s.io/controller-manager v0.36.4
	k8s.io/cri-api v0.36.4
	k8s.io/cri-client v0.36.4
	k8s.io/cri-streaming v0.36.4
	k8s.io/csi-translation-lib v0.36.4
	k8s.io/dynamic-resource-allocation v0.36.4
	k8s.io/endpointslice v0.36.4
	k8s.io/externaljwt v0.36.4
	k8s.io/kms v0.36.4
	k8s.io/kube-aggregator v0.36.4
	k8s.io/kube-controller-manager v0.36.4
	k8s.io/kube-proxy v0.36.4
	k8s.io/kube-scheduler v0.36.4
	k8s.io/kubectl v0.36.4
	k8s.io/kubelet v0.36.4
	k8s.io/kubernetes v1.36.3
	k8s.io/metrics v0.36.4
	k8s.io/mount-utils v0.36.4
	k8s.io/pod-security-admission v0.36.4
	k8s.io/sample-apiserver v0.36.4
	k8s.io/sample-cli-plugin v0.36.4
	k8s.io/sample-controller v0.36.4
	k8s.io/streaming v0.36.4
	sigs.k8s.io/kind v0.33.0
)

require go.etcd.io/etcd/server/v3 v3.6.8 // indirect

replace github.com/opencontainers/go-digest => github.com/opencontainers/go-digest v1.0.1-0.20220411205349-bde1400a84be

replace github.com/fluxcd/pkg/artifact => github.com/fluxcd/pkg/artifact v0.18.1
