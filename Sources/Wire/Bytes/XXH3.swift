internal import CXXHash

/// XXH3-64, the checksum of frames and batches. It finds damage, not forgery.
package enum XXH3 {
  package static func hash(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
    unsafe bytes.withUnsafeBytes { unsafe XXH3_64bits_withSeed($0.baseAddress, $0.count, seed) }
  }
}
