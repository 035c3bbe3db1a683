import ArgumentParser
import KernelTypes

/// Settings of `/proc/sys/vm` in place of those that the input tells.
struct SysctlOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Use another setting of /proc/sys/vm, such as vm.min_free_kbytes=65536 (repeatable).",
      valueName: "name=value"))
  var sysctl: [String] = []

  func validate() throws {
    var settings = VirtualMemorySettings()
    do throws(SettingError) {
      try apply(to: &settings)
    } catch {
      throw ValidationError("--sysctl: \(error)")
    }
  }

  /// Changes the settings that were given.
  func apply(to settings: inout VirtualMemorySettings) throws(SettingError) {
    for assignment in sysctl { try settings.set(assignment: assignment) }
  }
}
