// PixelMed as a workstation and as a receiver, for tools.interop: OP HOST PORT CALLING CALLED [ARGS]; prints a count.
import com.pixelmed.dicom.*;
import com.pixelmed.network.*;
import java.io.File;
import java.util.concurrent.atomic.AtomicInteger;

class pixelmed {
    static final String FIND = "1.2.840.10008.5.1.4.1.2.%d.1", MOVE = "1.2.840.10008.5.1.4.1.2.%d.2";

    static AttributeList keys(String level, String uid) throws DicomException {
        AttributeList keys = new AttributeList();
        put(keys, TagFromName.QueryRetrieveLevel, level);
        if (level.equals("PATIENT")) put(keys, TagFromName.PatientID, uid);
        else if (level.equals("STUDY")) put(keys, TagFromName.StudyInstanceUID, uid);
        else {
            String[] uids = uid.split(",");
            put(keys, TagFromName.StudyInstanceUID, uids[0]);
            put(keys, TagFromName.SeriesInstanceUID, level.equals("SERIES") ? "" : uids[1]);
            if (level.equals("IMAGE")) put(keys, TagFromName.SOPInstanceUID, "");
        }
        return keys;
    }

    static void put(AttributeList list, AttributeTag tag, String value) throws DicomException {
        Attribute one = AttributeFactory.newAttribute(tag);
        if (!value.isEmpty()) one.addValue(value);
        list.put(tag, one);
    }

    public static void main(String[] a) throws Exception {
        String host = a[1], calling = a[3], called = a[4];
        int port = Integer.parseInt(a[2]);
        AtomicInteger count = new AtomicInteger();
        switch (a[0]) {
            case "echo": new VerificationSOPClassSCU(host, port, called, calling, false); count.set(1); break;
            case "find":
                IdentifierHandler counting = new IdentifierHandler() {
                    public void doSomethingWithIdentifier(AttributeList answer) { count.incrementAndGet(); }
                };
                int root = a[5].equals("PATIENT") ? 1 : 2;
                new FindSOPClassSCU(host, port, called, calling, String.format(FIND, root), keys(a[5], a[6]), counting);
                break;
            case "move":
                MoveSOPClassSCU move = new MoveSOPClassSCU(
                    host, port, called, calling, a[6], String.format(MOVE, 2), keys("STUDY", a[5]));
                if (move.getStatus() != 0) System.exit(3);
                count.set(1);
                break;
            case "store":
                for (int i = 5; i < a.length; i++) {
                    File file = new File(a[i]);
                    AttributeList head = new AttributeList();
                    head.read(file, TagFromName.PixelData);
                    StorageSOPClassSCU sent = new StorageSOPClassSCU(host, port, called, calling, a[i],
                        Attribute.getSingleStringValueOrEmptyString(head, TagFromName.SOPClassUID),
                        Attribute.getSingleStringValueOrEmptyString(head, TagFromName.SOPInstanceUID), 0);
                    if (!sent.encounteredTrappedExceptions()) count.incrementAndGet();
                }
                break;
            case "listen":
                new Thread(new StorageSOPClassSCPDispatcher(port, called, new File(a[5]), new ReceivedObjectHandler() {
                    public void sendReceivedObjectIndication(String file, String syntax, String from) { }
                })).start();
                return;
        }
        System.out.println("COUNT " + count.get());
        System.exit(0);
    }
}
