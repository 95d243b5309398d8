module gitops-hackfest/act

go 1.26.0

require github.com/nektos/act v0.2.89
