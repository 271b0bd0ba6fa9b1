// A relay on Node's `ws`: the path is the channel, and every text frame goes to all who are on it, its author included.
//
// As fast as one can make it without leaving the library: a frame is made once, by the library's own Sender, and its bytes are given to each socket;
// no compression, no copy of the message as a string.
import { createServer } from 'node:http';
import { WebSocketServer, Sender } from 'ws';

const server = createServer((request, response) => response.writeHead(404).end());
const sockets = new WebSocketServer({ server, perMessageDeflate: false, skipUTF8Validation: true, maxPayload: 64 * 1024 });
const channels = new Map(); // path -> the sockets of its members

sockets.on('connection', (socket, request) => {
    const { url } = request;
    if (!channels.has(url)) channels.set(url, new Set());
    const members = channels.get(url);
    const stream = socket._socket;
    members.add(stream);
    socket.on('message', (data, binary) => {
        const frame = Buffer.concat(Sender.frame(data, { fin: true, rsv1: false, opcode: binary ? 2 : 1, mask: false, readOnly: true }));
        for (const member of members) member.write(frame);
    });
    socket.on('close', () => members.delete(stream));
    socket.on('error', () => socket.terminate());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`listening on 127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
