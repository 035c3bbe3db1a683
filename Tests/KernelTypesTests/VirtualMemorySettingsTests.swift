import KernelTypes
import Testing

@Suite struct VirtualMemorySettingsTests {
  @Test func everyKnobCanBeSetAndReadByItsName() throws {
    for name in VirtualMemorySettings.names where name != "lowmem_reserve_ratio" {
      var settings = VirtualMemorySettings()
      let value = settings[name] == 1 ? 0 : 1
      try settings.set("vm." + name, to: "\(value)")
      #expect(settings[name] == value, "\(name)")
      #expect(VirtualMemorySettings.withoutEffect[name] == nil, "\(name) can't both matter and not matter")
    }
    var settings = VirtualMemorySettings()
    try settings.set(assignment: "vm.lowmem_reserve_ratio=256\t32")
    #expect(settings.lowMemoryReserveRatios == [256, 32])
    try settings.set(assignment: "vm/swappiness = 10")
    #expect(settings.swappiness == 10)
  }

  @Test func amountsAndRatiosSwitchEachOtherOff() throws {
    var settings = VirtualMemorySettings()
    try settings.set("dirty_bytes", to: "1048576")
    #expect(settings.dirtyRatio == 0)
    try settings.set("dirty_ratio", to: "30")
    #expect(settings.dirtyBytes == 0)
    try settings.set("overcommit_kbytes", to: "1000")
    #expect(settings.overcommitRatio == 0)
    // What a snapshot says is taken as it is.
    settings.adopt("overcommit_ratio", "50")
    #expect(settings.overcommitKilobytes == 1000 && settings.overcommitRatio == 50)
    settings.adopt("swappiness", "100000")
    settings.adopt("no_such_knob", "1")
    #expect(settings.swappiness == 60)
  }

  @Test func whatMakesNoSenseSaysWhy() {
    func error(_ text: String) -> SettingError? {
      var settings = VirtualMemorySettings()
      do throws(SettingError) {
        try settings.set(assignment: text)
        return nil
      } catch {
        return error
      }
    }
    #expect(error("vm.swappiness=201") == .outOfRange("swappiness", 201, 0...200))
    #expect(error("vm.swappiness=x") == .notANumber("swappiness", "x"))
    #expect(error("vm.nothing=1") == .unknown("nothing"))
    #expect(error("vm.swappiness") == .malformed("vm.swappiness"))
    #expect(error("=1") == .malformed("=1"))
    #expect(error("vm.lowmem_reserve_ratio=256 x") == .notANumber("lowmem_reserve_ratio", "256 x"))
    #expect(error("vm.stat_interval=5")?.description.contains("can't change") == true)
  }
}
