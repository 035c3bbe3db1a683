public import KernelTypes

extension SysctlVM {
  /// The knobs that the models obey, as this machine has them; what is missing or absurd keeps its default.
  public func settings(kernel: KernelVersion) -> VirtualMemorySettings {
    var result = VirtualMemorySettings(kernel: kernel)
    for setting in settings { result.adopt(setting.name, setting.value.description) }
    return result
  }
}
