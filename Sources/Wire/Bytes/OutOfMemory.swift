internal import CSystem

/// Ends the process with a line on stderr that says how much memory was needed for what. The process cannot continue
/// without memory; acknowledged entries are on disk.
package func outOfMemory(_ byteCount: Int, for purpose: String) -> Never {
  unsafe logs_out_of_memory(UInt64(byteCount), purpose)
}
