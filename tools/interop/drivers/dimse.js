// dcmjs-dimse as a workstation and as a receiver, for tools.interop: OP HOST PORT CALLING CALLED [ARGS]; prints a count.
const { Client, Dataset, Server, Scp } = require('dcmjs-dimse');
const { CEchoRequest, CFindRequest, CGetRequest, CMoveRequest, CStoreRequest } = require('dcmjs-dimse').requests;
const { CEchoResponse, CStoreResponse } = require('dcmjs-dimse').responses;
const { Status, PresentationContextResult, TransferSyntax } = require('dcmjs-dimse').constants;
const [op, host, port, calling, called, ...args] = process.argv.slice(2);
let count = 0;
let failed = false;

function finds(level, uid) {
  const [study, series] = uid.split(',');
  if (level === 'PATIENT') {
    const elements = { QueryRetrieveLevel: 'PATIENT', PatientID: uid, PatientName: '' };
    const request = new CFindRequest();
    request.setDataset(new Dataset(elements));
    request.setAffectedSopClassUid('1.2.840.10008.5.1.4.1.2.1.1');
    return request;
  }
  if (level === 'STUDY') return CFindRequest.createStudyFindRequest({ StudyInstanceUID: uid });
  if (level === 'SERIES') return CFindRequest.createSeriesFindRequest({ StudyInstanceUID: study });
  return CFindRequest.createImageFindRequest({ StudyInstanceUID: study, SeriesInstanceUID: series });
}

const requests = {
  echo: () => [new CEchoRequest()],
  find: () => [finds(args[0], args[1])],
  move: () => [CMoveRequest.createStudyMoveRequest(args[1], args[0])],
  get: () => [CGetRequest.createStudyGetRequest(args[0])],
  store: () => args.map((file) => new CStoreRequest(file)),
};

class Receiver extends Scp {
  associationRequested(association) {
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      const wanted = [TransferSyntax.ExplicitVRLittleEndian, TransferSyntax.ImplicitVRLittleEndian];
      const syntax = wanted.find((one) => context.getTransferSyntaxUids().includes(one));
      const { Accept, RejectTransferSyntaxesNotSupported } = PresentationContextResult;
      context.setResult(syntax ? Accept : RejectTransferSyntaxesNotSupported, syntax);
    }
    this.sendAssociationAccept();
  }
  cEchoRequest(request, callback) { this.answer(CEchoResponse.fromRequest(request), callback); }
  cStoreRequest(request, callback) {
    request.getDataset().toFile(`${args[0]}/${request.getAffectedSopInstanceUid()}.dcm`, (error) => {
      if (error) throw error;
      this.answer(CStoreResponse.fromRequest(request), callback);
    });
  }
  answer(response, callback) { response.setStatus(Status.Success); callback(response); }
  associationReleaseRequested() { this.sendAssociationReleaseResponse(); }
}

if (op === 'listen') {
  new Server(Receiver).listen(Number(port));
} else {
  const client = new Client();
  for (const request of requests[op]()) {
    request.on('response', (response) => {
      const status = response.getStatus();
      if (status === Status.Pending) count += op === 'find' ? 1 : 0;
      else if (status !== Status.Success) failed = true;
      else if (op !== 'find' && op !== 'get') count += 1;
    });
    client.addRequest(request);
  }
  client.on('cStoreRequest', (request, callback) => {
    count += 1;
    const response = CStoreResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  });
  client.on('networkError', (error) => { console.error(error.message); process.exit(4); });
  client.on('closed', () => { console.log(`COUNT ${count}`); process.exit(failed ? 3 : 0); });
  client.send(host, Number(port), calling, called);
}
