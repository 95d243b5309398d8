// The image registry: nothing but `distribution`, so that it is there first and quickly.
module registry

go 1.26.0

require github.com/distribution/distribution/v3 v3.1.2
