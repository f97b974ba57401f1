// Capture files (pcap, pcapng) through libpcap, with nanosecond times.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

struct pcap;
struct pcap_dumper;

namespace limpet::replay {

struct Captured {
  std::uint64_t time_ns = 0;  // since the epoch
  std::vector<std::uint8_t> bytes;
};

class CaptureReader {
 public:
  static Result<CaptureReader> open(const std::string& path);
  /// The next frame, nothing at the end; an error names the file when it is damaged or a frame was cut short.
  Result<bool> next(Captured& captured);

 private:
  CaptureReader(pcap* handle, std::string path);
  std::unique_ptr<pcap, void (*)(pcap*)> handle_;
  std::string path_;
};

class CaptureWriter {
 public:
  static Result<CaptureWriter> create(const std::string& path);
  void write(std::uint64_t time_ns, std::span<const std::uint8_t> bytes);
  /// Everything is in the file.
  Result<void> finish();

 private:
  CaptureWriter(pcap* handle, pcap_dumper* dumper, std::string path);
  std::unique_ptr<pcap, void (*)(pcap*)> handle_;
  std::unique_ptr<pcap_dumper, void (*)(pcap_dumper*)> dumper_;
  std::string path_;
};

}  // namespace limpet::replay
