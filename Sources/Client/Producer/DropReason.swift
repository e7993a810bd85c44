/// Why a producer has dropped entries.
public enum DropReason: String, Hashable, Sendable {
  case queueFull = "queue full"
  case spoolFull = "spool full"
  case tooOld = "too old"
  /// They stood in a part of the spool that was damaged.
  case spoolDamaged = "spool damaged"
}
