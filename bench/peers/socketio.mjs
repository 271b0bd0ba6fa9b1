// A relay on socket.io, as its own documentation builds a chat: a client joins a room, and what it says goes to the room, its author included.
//
// WebSocket from the start (no polling first), no compression. The room is told in the request, so that joining costs no message.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const server = createServer((request, response) => response.writeHead(404).end());
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, httpCompression: false, serveClient: false });

io.on('connection', (socket) => {
    const room = String(socket.handshake.query.room);
    socket.join(room);
    socket.on('chat_message', (message) => io.to(room).emit('chat_message', message));
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`listening on 127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
