#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "hash/secret.hpp"

namespace limpet::hash {
namespace {

using testing::HasSubstr;

class SecretFile : public testing::Test {
 protected:
  SecretFile() {
    std::string name = testing::TempDir() + "limpet_secret_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = name + "/secret";
  }
  ~SecretFile() override { std::filesystem::remove_all(folder); }

  void write(std::size_t size, mode_t mode) const {
    std::ofstream(path, std::ios::binary) << std::string(size, 'k');
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  [[nodiscard]] std::string error() const {
    const auto result = load_or_create_secret(path);
    EXPECT_FALSE(result.has_value());
    return result ? "" : result.error().text;
  }

  std::string folder;
  std::string path;
};

TEST_F(SecretFile, is_made_once_and_read_again) {
  const ::mode_t old = ::umask(0);
  const auto first = load_or_create_secret(path);
  ::umask(old);
  ASSERT_TRUE(first) << first.error().text;
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_size, 32);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "leftovers";
  EXPECT_EQ(load_or_create_secret(path).value(), *first);
  ASSERT_TRUE(std::filesystem::remove(path));
  EXPECT_NE(load_or_create_secret(path).value(), *first);
}

TEST_F(SecretFile, holds_the_bytes_of_the_file) {
  write(32, 0600);
  Secret expected;
  expected.fill('k');
  EXPECT_EQ(load_or_create_secret(path).value(), expected);
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_EQ(load_or_create_secret(path).value(), expected);
}

TEST_F(SecretFile, of_wrong_size_is_refused) {
  for (const std::size_t size : {0u, 31u, 33u}) {
    write(size, 0600);
    EXPECT_THAT(error(), HasSubstr(std::to_string(size) + " bytes, expected 32"));
  }
}

TEST_F(SecretFile, open_to_others_is_refused) {
  for (const mode_t mode : {0640, 0604, 0620, 0601}) {
    write(32, mode);
    EXPECT_THAT(error(), HasSubstr("chmod 600"));
  }
}

TEST_F(SecretFile, that_is_none_is_refused) {
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  EXPECT_THAT(error(), HasSubstr("not a regular file"));
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(error(), HasSubstr("not a regular file"));  // and does not wait for a writer
}

TEST_F(SecretFile, that_cannot_be_made_says_why) {
  path = folder + "/none/secret";
  EXPECT_THAT(error(), testing::AllOf(HasSubstr(path), HasSubstr("No such file or directory")));
}

TEST_F(SecretFile, that_cannot_be_read_says_why) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root reads everything";
  }
  write(32, 0000);
  EXPECT_THAT(error(), HasSubstr("Permission denied"));
}

// Python: hmac.new(bytes(range(32)), b"pool/web", "sha256").
TEST(DeriveKey, golden) {
  const Key key = derive_key(fixed_secret(), "pool/web");
  EXPECT_EQ(key.a, 0x8d64ca945be7baddULL);
  EXPECT_EQ(key.b, 0x7050e30f3082c391ULL);
}

TEST(DeriveKey, differs_by_purpose_and_secret) {
  const Key key = derive_key(fixed_secret(), "flows");
  EXPECT_NE(key, derive_key(fixed_secret(), "records"));
  EXPECT_NE(key, derive_key(Secret{}, "flows"));
  EXPECT_EQ(derive_key(fixed_secret(), std::string_view{}), derive_key(fixed_secret(), ""));
}

}  // namespace
}  // namespace limpet::hash
