# docker buildx bake                      an image for this machine's architecture, loaded as ingestd:dev
# docker buildx bake release --push       amd64 and arm64, with SBOM and provenance; IMAGE=registry.example.com/ingestd
variable "IMAGE" { default = "ingestd" }
variable "VERSION" { default = "dev" }

group "default" { targets = ["local"] }

target "local" {
  tags   = ["${IMAGE}:${VERSION}"]
  output = ["type=docker"]
}

target "release" {
  tags      = ["${IMAGE}:${VERSION}"]
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=sbom", "type=provenance,mode=max"]
}
