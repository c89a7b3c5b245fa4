// ipx as its own documentation shows it: a node server over the file system storage.
// node ipx.mjs PORT FOLDER
import { createServer } from "node:http";
import { createIPX, createIPXNodeServer, ipxFSStorage } from "ipx";

const [port, dir] = process.argv.slice(2);
// Its default is progressive JPEG, which takes longer; baseline makes it faster and like the others.
const ipx = createIPX({ storage: ipxFSStorage({ dir }), sharpOptions: { jpegProgressive: false } });
createServer(createIPXNodeServer(ipx)).listen(Number(port), "127.0.0.1");
