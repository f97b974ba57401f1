#include "capture.hpp"

#include <pcap/pcap.h>

namespace limpet::replay {
namespace {
constexpr int snapshot_bytes = 65535;
constexpr std::uint64_t second_ns = 1'000'000'000;

/// Seconds in a capture have 32 bits without a sign, which libpcap gives one: from 2038 on they look negative.
std::uint64_t seconds(time_t s) noexcept {
  return s < 0 ? static_cast<std::uint32_t>(s) : static_cast<std::uint64_t>(s);
}
}  // namespace

CaptureReader::CaptureReader(pcap* handle, std::string path) : handle_(handle, pcap_close), path_(std::move(path)) {}

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  char error[PCAP_ERRBUF_SIZE] = {};
  pcap_t* handle = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
  if (handle == nullptr) {
    return fail("{}: cannot be read as a capture: {}", path, error);
  }
  CaptureReader reader(handle, path);
  if (pcap_datalink(handle) != DLT_EN10MB) {
    return fail("{}: has link type {}, expected Ethernet", path, pcap_datalink_val_to_name(pcap_datalink(handle)));
  }
  return reader;
}

Result<bool> CaptureReader::next(Captured& captured) {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int got = pcap_next_ex(handle_.get(), &header, &bytes);
  if (got == PCAP_ERROR_BREAK) {
    return false;
  }
  if (got != 1) {
    return fail("{}: damaged: {}", path_, pcap_geterr(handle_.get()));
  }
  if (header->caplen < header->len) {
    return fail("{}: a frame of {} bytes was cut to {}; capture with a larger snapshot length", path_, header->len,
                header->caplen);
  }
  captured.time_ns = seconds(header->ts.tv_sec) * second_ns + static_cast<std::uint64_t>(header->ts.tv_usec);
  captured.bytes.assign(bytes, bytes + header->caplen);
  return true;
}

CaptureWriter::CaptureWriter(pcap* handle, pcap_dumper* dumper, std::string path)
    : handle_(handle, pcap_close), dumper_(dumper, pcap_dump_close), path_(std::move(path)) {}

Result<CaptureWriter> CaptureWriter::create(const std::string& path) {
  pcap_t* handle = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, snapshot_bytes, PCAP_TSTAMP_PRECISION_NANO);
  pcap_dumper_t* dumper = pcap_dump_open(handle, path.c_str());
  if (dumper == nullptr) {
    const std::string why = pcap_geterr(handle);
    pcap_close(handle);
    return fail("{}: cannot be written: {}", path, why);
  }
  return CaptureWriter(handle, dumper, path);
}

void CaptureWriter::write(std::uint64_t time_ns, std::span<const std::uint8_t> bytes) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(time_ns / second_ns);
  header.ts.tv_usec = static_cast<suseconds_t>(time_ns % second_ns);
  header.caplen = header.len = static_cast<bpf_u_int32>(bytes.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header, bytes.data());
}

Result<void> CaptureWriter::finish() {
  if (pcap_dump_flush(dumper_.get()) != 0) {
    return fail("{}: cannot be written to the end", path_);
  }
  return {};
}

}  // namespace limpet::replay
