/// What a run is held to: the promises of `spec/model.md`, section 2, and that everybody makes progress.
enum Promise: String, CaseIterable {
  case order = "P1"
  case durable = "P2"
  case noPhantom = "P3"
  case storedOnce = "P4"
  case noSilentGap = "P5"
  case exactSwitch = "P6"
  case slowIsSafe = "P7"
  case bounded = "P8"
  case badInputHarmsNobody = "P9"
  case nobodyWaitsForEver = "progress"
}
