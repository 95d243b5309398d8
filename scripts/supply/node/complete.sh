#!/bin/sh
# What the lab adds to a kind node, published or made from source.
set -eu

mkdir -p /etc/cni/net.d /etc/containerd/certs.d/registry:5000 /etc/systemd/system-generators
mv /lab/10-lab.conflist /etc/cni/net.d/10-lab.conflist
mv /lab/hosts.toml /etc/containerd/certs.d/registry:5000/hosts.toml
mv /lab/restricted-host /etc/systemd/system-generators/restricted-host
chmod 644 /etc/cni/net.d/10-lab.conflist /etc/containerd/certs.d/registry:5000/hosts.toml
chmod 755 /etc/systemd/system-generators/restricted-host
rm -r /lab
if ! grep -q config_path /etc/containerd/config.toml; then
    cat >> /etc/containerd/config.toml <<'CONF'

[plugins."io.containerd.grpc.v1.cri".registry]
  # one folder per registry that is reached in a way of its own
  config_path = "/etc/containerd/certs.d"
CONF
fi
