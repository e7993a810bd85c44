/// The version of the command line.
enum Version {
  static let number = "0.1.0"
}
