/// The version of this server.
package enum Version {
  package static let number = "0.1.0"
  static let server = "logsd \(number)"
}
