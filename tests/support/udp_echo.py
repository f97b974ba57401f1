"""A UDP server for labs, in a process of its own: every datagram comes back as it is.
Usage: udp_echo.py PORT"""

import select
import socket
import sys


def main():
    sockets = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        server = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        server.bind((address, int(sys.argv[1])))
        sockets.append(server)
    print("ready", flush=True)
    while True:
        for server in select.select(sockets, [], [])[0]:
            data, sender = server.recvfrom(65536)
            server.sendto(data, sender)


if __name__ == "__main__":
    main()
